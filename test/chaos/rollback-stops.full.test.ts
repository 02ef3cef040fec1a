import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { doomedWorkers, type Fate, type Workers } from '../support/doomed-workers.ts';
import type { SentFact } from '../support/fact-tap.ts';
import { servicesWithDeadline } from '../support/service-files.ts';
import { shape } from '../support/stage.ts';
import { late, logStatements, statementsOf } from '../support/statements.ts';
import { openUpgraded, type Upgraded } from '../support/upgraded.ts';

/** From stop-services-for-rollback to start-services-back. */
const inWriteStop = shape
  .filter(({ leg, writeStop }) => leg === 'rollback' && writeStop !== undefined && writeStop !== 'gate')
  .map(({ id }) => id);
/** So many ms after a step began its worker is stopped, in turn; a step that is done earlier is hit right before its fact. */
const moments = [5, 40, 100];
/** The last question of the rollback: nobody works while people think, and both servers are there. */
const lastGate = 'undo:create-destination';

let upgraded: Upgraded;
let hasty: Awaited<ReturnType<typeof servicesWithDeadline>>;
let others: Workers;
/** From then on a worker is stopped in each step of the write stop. */
let armed = false;
const hit: string[] = [];

beforeAll(async () => {
  hasty = await servicesWithDeadline('20s');
  upgraded = await openUpgraded([lastGate]);
  const { stage, source, destination } = upgraded;
  for (const server of [source, destination]) await logStatements(server);
  others = doomedWorkers(stage.world, {
    replace: {},
    fateOf(fact) {
      const step = fact.type === 'promotion.called' ? 'open-source' : fact.step;
      if (!armed || !inWriteStop.includes(step) || hit.includes(step)) return 'live';
      const fate = inside(fact, hit.length);
      if (fate !== 'live') hit.push(step);
      return fate;
    },
  });
}, 900_000);
afterAll(async () => {
  await others?.close();
  await upgraded?.close();
  await hasty?.remove();
});

/** In the middle of what the step does: what was is in the ledger and nothing is revoked yet, the opening is promised and perhaps begun. */
function inside({ type, step, key }: SentFact, index: number): Fate {
  if (type === 'step.done') return { signal: 'SIGSTOP', when: 'before' };
  if (type === 'promotion.called') return { signal: 'SIGSTOP', when: 0 };
  if (step === 'open-source') return 'live';
  if (step === 'fence-destination') return key === 'ledger' ? { signal: 'SIGSTOP', when: 0 } : 'live';
  return type === 'step.started' ? { signal: 'SIGSTOP', when: moments[index % moments.length] ?? 0 } : 'live';
}

/** What a worker that wakes up late could still change, in the clouds' own logs and in what both servers were sent. */
async function done() {
  const { stage, run, source, destination } = upgraded;
  const { world } = stage;
  const logs = join(dirname(world.environment.KUBECONFIG), 'logs');
  return {
    facts: (await stage.facts(run)).filter(({ type }) => type !== 'way-back.tended'),
    google: world.google.log.filter(({ verb, id }) => verb !== 'GET' && id !== 'metadata').map(({ verb, path }) => `${verb} ${path}`),
    kubernetes: world.kubernetes.log.filter(({ method, code }) => method !== 'GET' && code < 300),
    statements: await Promise.all([source, destination].map(({ name }) => statementsOf(join(logs, `${name}.log`), run))),
  };
}

test('stopped in the fence while the deadline passes and the writes are given back: continued, it closes nothing any more', async () => {
  const { stage, run, destination } = upgraded;
  // Alone, so that nobody goes on with the rollback before its deadline; and with a short one, so that nobody waits for long.
  const sleepers = doomedWorkers(stage.world, { fateOf: (fact) => (fact.step === 'fence-destination' ? inside(fact, 0) : 'live') });
  try {
    await sleepers.add({ SERVICES_DIR: hasty.folder });
    await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
    await upgraded.approve('approve-rollback');
    const stopped = await sleepers.next;
    const { deadlineAt } = await stage.until(
      run,
      ({ records }) => records.get('fence-destination')?.has('ledger') === true,
      'the ledger',
      30_000,
    );
    await delay(Math.max(0, (deadlineAt ?? 0) - Date.now()));
    await Promise.all([others.add(), others.add()]);
    const { blocked } = await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 60_000);
    expect(blocked).toMatchObject({ code: 'writes.given-back', reason: expect.stringMatching(/Writes are on\.$/) });
    await stage.world.settled('staging');

    const before = await done();
    expect(await stopped.wake()).toBe(0);
    expect(await done()).toEqual(before);
    await upgraded.writesFlow(destination);
  } finally {
    await sleepers.close();
  }
}, 300_000);

test('stopped in each step of the write stop, while another worker goes on: no second effect, and nothing is lost', async () => {
  const { stage, run, source } = upgraded;
  await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
  armed = true;
  await upgraded.approve('approve-rollback');
  const resting = stage.until(run, ({ gate }) => gate?.gate === lastGate, 'the last question', 300_000);
  await Promise.race([resting, others.failed]);
  expect(hit).toEqual(inWriteStop);

  const before = await done();
  expect(before.statements.map((statements) => statements.length > 0)).toEqual([true, true]);
  for (const one of others.hits) expect(await one.wake()).toBe(0);
  expect(await done()).toEqual(before);
  await upgraded.writesFlow(source);
  expect(before.statements.flatMap(late)).toEqual([]);

  await upgraded.approve(lastGate);
  await stage.until(run, ({ status }) => status === 'rolled-back', 'the end', 120_000);
  const { facts } = await done();
  const from = facts.findIndex(({ type }) => type === 'leg.begun');
  const turns = facts.slice(from).filter(({ type }) => type === 'promotion.called' || type === 'writes.given-back');
  expect(turns.map(({ type }) => type)).toEqual(['writes.given-back', 'promotion.called']);
  const { lost, doubled } = await stage.world.watch.count(source, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
  const pauses = others.hits.map(({ at }) => (facts.find((fact) => fact.at > at)?.at ?? at) - at);
  console.log(`${pauses.length} stops; from each to the next fact ${Math.min(...pauses)} to ${Math.max(...pauses)} ms`);
}, 600_000);
