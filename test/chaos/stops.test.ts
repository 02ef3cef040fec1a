import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { observe } from '../../sandbox/observe.ts';
import { openWorld, type World } from '../../sandbox/world.ts';
import { doomedWorkers, type Fate, type Workers } from '../support/doomed-workers.ts';
import type { SentFact } from '../support/fact-tap.ts';
import { servicesWithDeadline } from '../support/service-files.ts';
import { late, logStatements, statementsOf } from '../support/statements.ts';
import { openStage, type Stage, shape } from '../support/whole-run.ts';

const quick = { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '1000' };
const runWithinMs = 500_000;
/** From stop-workers to start-services. */
const inWriteStop = shape
  .filter(({ leg, writeStop }) => leg === 'upgrade' && writeStop !== undefined && writeStop !== 'gate')
  .map(({ id }) => id);
/** So many ms after a step began its worker is stopped, in turn; a step that is done earlier is hit right before its fact. */
const moments = [5, 40, 100];

let workDir: string;
let world: World;
let stage: Stage;
let run: string;
let hasty: Awaited<ReturnType<typeof servicesWithDeadline>>;
let patient: typeof hasty;
let others: Workers;
/** From then on a worker is stopped in each step of the write stop. */
let armed = false;
const hit: string[] = [];

beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-stops-'));
  // A take-over in each step adds up: on a busy machine to more than a cutover's usual deadline.
  [hasty, patient] = await Promise.all([servicesWithDeadline('20s'), servicesWithDeadline('600s')]);
  world = await openWorld({
    workDir,
    environments: ['staging'],
    scale: 1,
    pauseMs: 100,
    environment: { ...quick, SERVICES_DIR: patient.folder },
  });
  stage = await openStage(world, (gate) => gate === 'approve-cutover' || gate === 'configure-backups');
  others = doomedWorkers(world, {
    replace: {},
    fateOf(fact) {
      const step = fact.type === 'promotion.called' ? 'promote-destination' : fact.step;
      if (!armed || !inWriteStop.includes(step) || hit.includes(step)) return 'live';
      const fate = inside(fact, hit.length);
      if (fate !== 'live') hit.push(step);
      return fate;
    },
  });
});
afterAll(async () => {
  await others?.close();
  await stage?.close();
  await world?.close();
  await Promise.all([hasty?.remove(), patient?.remove(), rm(workDir, { recursive: true, force: true })]);
});

/** In the middle of what the step does: what was is in the ledger and nothing is revoked yet, the promotion is promised and perhaps called. */
function inside({ type, step, key }: SentFact, index: number): Fate {
  if (type === 'step.done') return { signal: 'SIGSTOP', when: 'before' };
  if (type === 'promotion.called') return { signal: 'SIGSTOP', when: 0 };
  if (step === 'promote-destination') return 'live';
  if (step === 'fence-source') return key === 'ledger' ? { signal: 'SIGSTOP', when: 0 } : 'live';
  return type === 'step.started' ? { signal: 'SIGSTOP', when: moments[index % moments.length] ?? 0 } : 'live';
}

async function untilGate(gate: string): Promise<void> {
  await stage.until(run, (state) => state.gate?.gate === gate, gate, { withinMs: runWithinMs, failed: others.failed });
}
/** Calls that changed something, in the clouds' own logs, and what the run's executions sent to both servers. */
async function done() {
  const statements = await Promise.all(servers().map(({ name }) => statementsOf(join(workDir, 'logs', `${name}.log`), run)));
  return {
    // An armed way back is looked after all the time, by whichever worker.
    facts: (await stage.facts(run)).filter(({ type }) => type !== 'way-back.tended'),
    google: world.google.log.filter(({ verb, id }) => verb !== 'GET' && id !== 'metadata').map(({ verb, path }) => `${verb} ${path}`),
    kubernetes: world.kubernetes.log.filter(({ method, code }) => method !== 'GET' && code < 300),
    statements,
  };
}
const servers = () => world.servers.fleet.list();
async function writesGoOn(): Promise<void> {
  const written = world.ledger.writes().length;
  await expect.poll(() => world.ledger.writes().length, { timeout: 30_000 }).toBeGreaterThan(written + 20);
}

describe('a worker that is stopped in the write stop and continued later', () => {
  test('in the fence, while the deadline passes and the writes are given back: nothing is fenced any more', async () => {
    // Alone, so that nobody goes on with the cutover before its deadline; and with a short one, so that nobody waits for long.
    const sleepers = doomedWorkers(world, {
      fateOf: (fact) => (fact.step === 'fence-source' ? inside(fact, 0) : 'live'),
    });
    await sleepers.add({ SERVICES_DIR: hasty.folder });
    run = await stage.start('staging');
    await untilGate('approve-cutover');
    for (const server of servers()) await logStatements(server);
    await stage.approve(run);
    const stopped = await sleepers.next;
    const { state } = await stage.until(run, ({ records }) => records.get('fence-source')?.has('ledger') === true, 'the ledger', {
      withinMs: 20_000,
    });
    await delay(Math.max(0, (state.deadlineAt ?? 0) - Date.now()));
    await Promise.all([others.add(), others.add()]);
    await stage.until(run, ({ blocked }) => blocked?.code === 'writes.given-back', 'the give-back', { withinMs: 60_000 });
    await world.settled('staging');

    const before = await done();
    expect(await stopped.wake()).toBe(0);
    expect(await done()).toEqual(before);
    await writesGoOn();
    await sleepers.close();
  });

  test('in each of its steps, while another worker goes on: no second effect, and nothing is lost', async () => {
    await stage.say(`/pgupgrade retry ${run}`);
    await untilGate('approve-cutover');
    armed = true;
    await stage.approve(run);
    // The next question after the services were started: nobody works while people think.
    await untilGate('configure-backups');
    expect(hit).toEqual(inWriteStop);

    const before = await done();
    expect(before.statements.map((statements) => statements.length > 0)).toEqual([true, true]);
    for (const one of others.hits) expect(await one.wake()).toBe(0);
    expect(await done()).toEqual(before);
    await writesGoOn();

    await stage.approve(run);
    const { facts } = await stage.until(run, ({ status }) => status === 'finished', 'the end', {
      withinMs: runWithinMs,
      failed: others.failed,
    });
    await world.settled('staging');
    const { statements, google } = await done();
    expect(statements.flatMap(late)).toEqual([]);
    expect(google.filter((call) => call.endsWith(':promote'))).toHaveLength(1);
    expect(facts.filter(({ type }) => type === 'promotion.called' || type === 'writes.given-back').map(({ type }) => type)).toEqual([
      'writes.given-back',
      'promotion.called',
    ]);
    expect(await observe(world, 'staging')).toMatchObject({ lost: [], doubled: 0 });
    const pauses = others.hits.map(({ at }) => (facts.find((fact) => fact.at > at)?.at ?? at) - at);
    console.log(`${pauses.length} stops; from each to the next fact ${Math.min(...pauses)} to ${Math.max(...pauses)} ms`);
  });
});
