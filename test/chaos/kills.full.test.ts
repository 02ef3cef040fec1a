import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../../sandbox/observe.ts';
import { openWorld, type World } from '../../sandbox/world.ts';
import type { Fact } from '../../src/engine/facts.ts';
import type { RunState } from '../../src/engine/state.ts';
import type { VerdictRecord } from '../../src/validator/verdict-report.ts';
import { doomedWorkers, type Fate, type Workers } from '../support/doomed-workers.ts';
import type { SentFact } from '../support/fact-tap.ts';
import { leftBehind } from '../support/left-behind.ts';
import { servicesWithDeadline } from '../support/service-files.ts';
import { openStage, type Stage, shape } from '../support/whole-run.ts';

const runWithinMs = 590_000;
/** So many ms after a step began its worker dies, in turn; a step that is done earlier is hit right before its fact. */
const moments = [0, 20, 60, 150, 400];
const quick = { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '1000' };

let world: World;
let stage: Stage;
let patient: Awaited<ReturnType<typeof servicesWithDeadline>>;
beforeEach(async () => {
  // A death in each step adds up: on a busy machine to more than a cutover's usual deadline.
  patient = await servicesWithDeadline('600s');
  world = await openWorld({
    workDir: join(tmpdir(), 'pgupgrade-chaos-kills'),
    environments: ['staging'],
    scale: 1,
    pauseMs: 100,
    environment: { SERVICES_DIR: patient.folder },
  });
  stage = await openStage(world);
});
afterEach(async () => {
  await stage?.close();
  await world?.close();
  await patient?.remove();
});

/** Each step is hit once; `fate` says where. Two workers side by side, a new one for each that dies. */
async function runUnderFire(fate: (fact: SentFact) => Fate) {
  const hit = new Set<string>();
  const workers = doomedWorkers(world, {
    replace: quick,
    fateOf(fact) {
      if (hit.has(fact.step)) return 'live';
      const decided = fate(fact);
      if (decided !== 'live') hit.add(fact.step);
      return decided;
    },
  });
  try {
    // The first two have production's own times.
    await Promise.all([workers.add(), workers.add()]);
    const run = await stage.start('staging');
    const end = await stage.until(run, ({ status }) => status === 'finished', 'the end', { withinMs: runWithinMs, failed: workers.failed });
    await world.settled('staging');
    return { ...end, hits: workers.hits, hit, observed: await observe(world, 'staging') };
  } finally {
    await workers.close();
  }
}

/** From each death to the next fact in the log, in ms. */
function recoveries(facts: readonly Fact[], hits: Workers['hits']): readonly { readonly step: string; readonly ms: number }[] {
  return hits.flatMap(({ fact, at }) => {
    const next = facts.find((one) => one.at > at);
    return next ? [{ step: fact.step, ms: next.at - at }] : [];
  });
}

async function expectWhole({ state, facts, observed }: Awaited<ReturnType<typeof runUnderFire>>): Promise<void> {
  const done = facts.flatMap((fact) => (fact.type === 'step.done' ? [fact.step] : []));
  expect(done).toEqual(shape.map(({ id }) => id));
  expect(observed.lost).toEqual([]);
  expect(observed.doubled).toBe(0);
  expect(observed.acknowledged).toBeGreaterThan(0);
  expect(verdictOf(state)).toMatchObject({ equal: true, count: 0 });
  expect(facts.filter(({ type }) => type === 'promotion.called')).toHaveLength(1);
  expect(facts.filter(({ type }) => type === 'step.blocked' || type === 'give-back.begun')).toEqual([]);
  const { header } = state;
  if (!header) throw new Error('the run has no header');
  // The last execution lets go of its sessions and its lease right behind its last fact.
  await expect.poll(() => leftBehind(world, stage, header), { timeout: 10_000 }).toEqual([]);
}

function verdictOf(state: RunState): VerdictRecord | undefined {
  return state.records.get('validate')?.get('verdict') as VerdictRecord | undefined;
}

describe('a whole run whose worker is killed once in every step', () => {
  test('during apply: the next worker goes on, nothing is lost or doubled or left behind', async () => {
    let next = 0;
    const end = await runUnderFire((fact) => {
      // A step that has nothing to apply has no beginning in the log: its end is all there is.
      if (fact.type === 'step.done') return 'die-before';
      if (fact.type !== 'step.started') return 'live';
      next += 1;
      return { signal: 'SIGKILL', afterMs: moments[next % moments.length] ?? 0 };
    });
    expect([...end.hit].sort()).toEqual(shape.map(({ id }) => id).sort());
    await expectWhole(end);
    console.log(tell('during apply', end));
  });

  test('after apply, before its fact: the next worker sees that it is done, nothing is lost or doubled or left behind', async () => {
    const end = await runUnderFire((fact) => (fact.type === 'step.done' ? 'die-before' : 'live'));
    expect([...end.hit].sort()).toEqual(shape.map(({ id }) => id).sort());
    await expectWhole(end);
    console.log(tell('after apply', end));
  });
});

function tell(what: string, { facts, hits }: Awaited<ReturnType<typeof runUnderFire>>): string {
  const all = recoveries(facts, hits);
  const first = all[0];
  const rest = all.slice(2).map(({ ms }) => ms);
  return `${what}: ${hits.length} kills in ${Math.round(((facts.at(-1)?.at ?? 0) - (facts[0]?.at ?? 0)) / 1000)} s; kill to the next fact: ${first?.ms} ms with production's times (${first?.step}), then ${Math.min(...rest)} to ${Math.max(...rest)} ms`;
}
