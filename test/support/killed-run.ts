import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { observe } from '../../sandbox/observe.ts';
import { openWorld } from '../../sandbox/world.ts';
import { idsOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import type { VerdictRecord } from '../../src/validator/verdict-report.ts';
import { doomedWorkers, type Fate } from './doomed-workers.ts';
import type { SentFact } from './fact-tap.ts';
import { leftBehind } from './left-behind.ts';
import { servicesWithDeadline } from './service-files.ts';
import { openStage, shape } from './whole-run.ts';

const runWithinMs = 900_000;
/** So many ms after a step began its worker dies, in turn; a step that is done earlier is hit right before its fact. */
const moments = [0, 20, 60, 150, 400];
const quick = { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '1000' };

/** During its apply, or after it and before its fact. */
export type Place = 'during' | 'behind';

/**
 * A whole run of staging whose worker is killed once in every step, at the place that `placeOf` says; two workers side by
 * side, a new one for each that dies. Expects that every step is done, and nothing is lost, doubled or left behind.
 */
export async function killedRun(placeOf: (index: number) => Place): Promise<void> {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-kills-'));
  // A death in each step adds up: on a busy machine to more than a cutover's usual deadline.
  const patient = await servicesWithDeadline('600s');
  const world = await openWorld({
    workDir,
    environments: ['staging'],
    scale: 1,
    pauseMs: 100,
    environment: { SERVICES_DIR: patient.folder },
  });
  const stage = await openStage(world);
  const hit = new Set<string>();
  const workers = doomedWorkers(world, {
    replace: quick,
    fateOf(fact) {
      const index = shape.findIndex(({ id }) => id === fact.step);
      if (index < 0 || hit.has(fact.step)) return 'live';
      const fate = fateAt(placeOf(index), fact, index);
      if (fate !== 'live') hit.add(fact.step);
      return fate;
    },
  });
  try {
    // The first two have production's own times.
    await Promise.all([workers.add(), workers.add()]);
    const run = await stage.start('staging');
    const { state, facts } = await stage.until(run, ({ status }) => status === 'finished', 'the end', {
      withinMs: runWithinMs,
      failed: workers.failed,
    });
    await world.settled('staging');
    expect([...hit].sort()).toEqual([...idsOf(shape, 'upgrade')].sort());
    expect(facts.flatMap((fact) => (fact.type === 'step.done' ? [fact.step] : []))).toEqual(idsOf(shape, 'upgrade'));
    const observed = await observe(world, 'staging');
    expect(observed).toMatchObject({ lost: [], doubled: 0 });
    expect(observed.acknowledged).toBeGreaterThan(0);
    // Whoever died: the proof went on, and the write stop read only what changed last.
    expect(verdictOf(state)).toMatchObject({ equal: true, count: 0, proved: expect.objectContaining({ tables: 0 }) });
    expect(facts.filter(({ type }) => type === 'promotion.called')).toHaveLength(1);
    expect(facts.filter(({ type }) => type === 'step.blocked' || type === 'give-back.begun')).toEqual([]);
    const { header } = state;
    if (!header) throw new Error('the run has no header');
    // The last execution lets go of its lease right behind its last fact, and of its sessions when no other has followed.
    await expect.poll(() => leftBehind(world, stage, header), { timeout: 60_000, interval: 500 }).toEqual([]);
    const pauses = workers.hits.map(({ at }) => (facts.find((fact) => fact.at > at)?.at ?? at) - at).slice(2);
    const took = Math.round(((facts.at(-1)?.at ?? 0) - (facts[0]?.at ?? 0)) / 1000);
    console.log(`${workers.hits.length} kills in ${took} s; kill to the next fact ${Math.min(...pauses)} to ${Math.max(...pauses)} ms`);
  } finally {
    await workers.close();
    await stage.close();
    await world.close();
    await patient.remove();
    await rm(workDir, { recursive: true, force: true });
  }
}

function fateAt(place: Place, { type }: SentFact, index: number): Fate {
  // A step that has nothing to apply has no beginning in the log: its end is all there is.
  if (type === 'step.done') return { signal: 'SIGKILL', when: 'before' };
  if (type !== 'step.started' || place === 'behind') return 'live';
  return { signal: 'SIGKILL', when: moments[index % moments.length] ?? 0 };
}

function verdictOf(state: RunState): VerdictRecord | undefined {
  return state.records.get('validate')?.get('verdict') as VerdictRecord | undefined;
}
