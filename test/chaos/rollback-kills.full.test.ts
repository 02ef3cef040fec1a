import { afterEach, expect, test } from 'vitest';
import { idsOf } from '../../src/engine/shape.ts';
import type { VerdictRecord } from '../../src/validator/verdict-report.ts';
import { doomedWorkers, type Fate } from '../support/doomed-workers.ts';
import type { SentFact } from '../support/fact-tap.ts';
import { leftByRollback } from '../support/left-behind.ts';
import { pictureOf } from '../support/source-picture.ts';
import { shape } from '../support/stage.ts';
import { openUpgraded, type Upgraded } from '../support/upgraded.ts';

const leg = idsOf(shape, 'rollback');
const quick = { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '1000' };
/** So many ms after a step began its worker dies, in turn; a step that is done earlier is hit right before its fact. */
const moments = [0, 20, 60, 150, 400];
/** During a step's apply, or when it is done and right before its fact. */
type Where = 'during' | 'behind';
let upgraded: Upgraded | undefined;

afterEach(async () => {
  await upgraded?.close();
  upgraded = undefined;
});

test.each(['during', 'behind'] as const)(
  'a whole rollback whose worker is killed %s every step, and in all that is taken back afterwards, loses, doubles and leaves nothing',
  async (where) => {
    upgraded = await openUpgraded();
    const { stage, run, source, before } = upgraded;
    const hit = new Set<string>();
    const workers = doomedWorkers(stage.world, {
      replace: quick,
      fateOf(fact) {
        const fate = fateAt(fact, where);
        const name = fact.type === 'step.undone' ? `undo ${fact.step}` : stepOf(fact);
        if (fate === 'live' || hit.has(name)) return 'live';
        hit.add(name);
        return fate;
      },
    });
    const began = (await stage.facts(run)).length;
    try {
      await Promise.all([workers.add(), workers.add()]);
      await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
      await Promise.race([upgraded.approve('approve-rollback'), workers.failed]);
      const end = stage.until(run, ({ status }) => status === 'rolled-back', 'the rollback', 600_000);
      const state = await Promise.race([end, workers.failed]);
      await stage.world.settled('staging');

      const facts = (await stage.facts(run)).slice(began);
      const undone = facts.flatMap((fact) => (fact.type === 'step.undone' ? [fact.step] : []));
      expect(undone.length).toBeGreaterThan(10);
      expect([...hit].sort()).toEqual([...leg, ...undone.map((step) => `undo ${step}`)].sort());
      expect(facts.flatMap((fact) => (fact.type === 'step.done' ? [fact.step] : []))).toEqual(leg);
      expect(facts.filter(({ type }) => type === 'promotion.called')).toHaveLength(1);
      expect(facts.filter(({ type }) => type === 'give-back.begun')).toEqual([]);
      expect(facts.filter((fact) => fact.type === 'step.blocked' && fact.code !== 'workloads.by-hand')).toEqual([]);
      expect(state.records.get('validate-rollback')?.get('verdict') as VerdictRecord).toMatchObject({ equal: true, count: 0 });

      const { lost, doubled, acknowledged } = await stage.world.watch.count(source, () => true);
      expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
      expect(acknowledged).toBeGreaterThan(500);
      // Partitions that the service made meanwhile belong to it.
      const { schema: _schemaBefore, ...restBefore } = before;
      const { schema: _schemaAfter, ...restAfter } = await pictureOf(stage.world, 'staging');
      expect(restAfter).toEqual(restBefore);
      const { header } = state;
      if (!header) throw new Error('the run has no header');
      await expect.poll(() => leftByRollback(stage.world, stage, header), { timeout: 60_000, interval: 500 }).toEqual([]);
      await upgraded.writesFlow(source);
      const pauses = workers.hits.map(({ at }) => (facts.find((fact) => fact.at > at)?.at ?? at) - at).slice(2);
      const took = Math.round(((facts.at(-1)?.at ?? 0) - (facts[0]?.at ?? 0)) / 1000);
      console.log(`${workers.hits.length} kills in ${took} s; kill to the next fact ${Math.min(...pauses)} to ${Math.max(...pauses)} ms`);
    } finally {
      await workers.close();
    }
  },
  1_800_000,
);

/** The promise to open the old instance names no step. */
const stepOf = ({ type, step }: SentFact) => (type === 'promotion.called' ? 'open-source' : step);

/** The opening's apply is hit right behind its promise. An undo has no beginning in the log: what it did is done, and its fact does not arrive. */
function fateAt(fact: SentFact, where: Where): Fate {
  const { type } = fact;
  if (type === 'step.undone') return { signal: 'SIGKILL', when: 'before' };
  const step = stepOf(fact);
  const index = leg.indexOf(step);
  if (index < 0) return 'live';
  if (type === 'step.done') return { signal: 'SIGKILL', when: 'before' };
  if (where === 'behind') return 'live';
  if (type === 'promotion.called') return { signal: 'SIGKILL', when: 0 };
  if (step === 'open-source') return 'live';
  return type === 'step.started' ? { signal: 'SIGKILL', when: moments[index % moments.length] ?? 0 } : 'live';
}
