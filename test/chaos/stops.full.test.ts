import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, type World } from '../../sandbox/world.ts';
import { doomedWorkers, type Fate, type Hit } from '../support/doomed-workers.ts';
import { servicesWithDeadline } from '../support/service-files.ts';
import { late, logStatements, statementsOf } from '../support/statements.ts';
import { openStage, type Stage } from '../support/whole-run.ts';

const workDir = join(tmpdir(), 'pgupgrade-chaos-stops');
const quick = { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '1000' };
const runWithinMs = 500_000;

let world: World;
let stage: Stage;
let run: string;
const began = Date.now();
let hasty: Awaited<ReturnType<typeof servicesWithDeadline>>;
let patient: typeof hasty;
beforeAll(async () => {
  // A take-over in each step adds up: on a busy machine to more than a cutover's usual deadline.
  [hasty, patient] = await Promise.all([servicesWithDeadline('30s'), servicesWithDeadline('600s')]);
  world = await openWorld({
    workDir,
    environments: ['staging'],
    scale: 1,
    pauseMs: 100,
    environment: { ...quick, SERVICES_DIR: patient.folder },
  });
  stage = await openStage(world);
});
afterAll(async () => {
  await stage?.close();
  await world?.close();
  await Promise.all([hasty?.remove(), patient?.remove()]);
});

const servers = () => world.servers.fleet.list();
/** What was done after another worker had taken over, on both servers. */
async function lateStatements(): Promise<readonly string[]> {
  const all = await Promise.all(servers().map(({ name }) => statementsOf(join(workDir, 'logs', `${name}.log`), run, began)));
  // Otherwise nothing was logged, and nothing would be late.
  expect(all.map((statements) => statements.length > 0)).toEqual(servers().map(() => true));
  return all.flatMap(late);
}
/** Calls that change something, in the clouds' own logs. */
const calls = () => [
  ...world.google.log.filter(({ verb, id }) => verb !== 'GET' && id !== 'metadata').map(({ verb, path }) => `${verb} ${path}`),
  ...world.kubernetes.log.filter((line) => !line.startsWith('GET')),
];
/** Continues it; it is through with its old job when it has heard SIGTERM and closed. */
async function wake({ worker }: Hit): Promise<void> {
  worker.kill('SIGTERM');
  worker.kill('SIGCONT');
  expect(await worker.exited).toBe(0);
}

describe('a worker that is stopped in the write stop and continued later', () => {
  test('in the fence, while the deadline passes and the writes are given back: nothing is fenced any more', async () => {
    const before = doomedWorkers(world, {
      fateOf: ({ type, step }): Fate => (type === 'step.started' && step === 'stop-workers' ? 'die-before' : 'live'),
    });
    await before.add();
    run = await stage.start('staging');
    await stage.until(run, ({ steps }) => steps.some(({ id, status }) => id === 'approve-cutover' && status === 'done'), 'the cutover', {
      withinMs: runWithinMs,
      failed: before.failed,
    });
    for (const server of servers()) await logStatements(server);
    // Alone, so that nobody goes on with the cutover before its deadline; and with a short one, so that nobody waits for long.
    const sleepers = doomedWorkers(world, {
      // In the middle: what was is in the ledger, nothing is revoked yet.
      fateOf: ({ step, key }): Fate => (step === 'fence-source' && key === 'ledger' ? { signal: 'SIGSTOP', afterMs: 0 } : 'live'),
    });
    await sleepers.add({ SERVICES_DIR: hasty.folder });
    const stopped = await sleepers.next;
    const { state } = await stage.until(run, ({ records }) => records.get('fence-source')?.has('ledger') === true, 'the ledger', {
      withinMs: 5_000,
    });
    await delay(Math.max(0, (state.deadlineAt ?? 0) - Date.now()));
    const rescuer = await world.start('worker');
    await stage.until(run, ({ blocked }) => blocked?.code === 'writes.given-back', 'the give-back', { withinMs: 60_000 });
    await world.settled('staging');

    const [then, facts] = [calls(), await stage.facts(run)];
    const written = world.ledger.writes().length;
    await wake(stopped);
    expect(calls()).toEqual(then);
    expect(await stage.facts(run)).toEqual(facts);
    expect(await lateStatements()).toEqual([]);
    await expect.poll(() => world.ledger.writes().length, { timeout: 10_000 }).toBeGreaterThan(written + 20);
    await rescuer.close();
    await Promise.all([before.close(), sleepers.close()]);
  });
});
