import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buttons, insist } from '../../sandbox/cast.ts';
import { observe } from '../../sandbox/observe.ts';
import { withSession } from '../../sandbox/servers/session.ts';
import { openWorld, type World } from '../../sandbox/world.ts';
import { isBegun } from '../../src/engine/status.ts';
import type { VerdictRecord } from '../../src/validator/verdict-report.ts';
import { doomedWorkers, type Fate, type Workers } from '../support/doomed-workers.ts';
import type { SentFact } from '../support/fact-tap.ts';
import { leftBehind } from '../support/left-behind.ts';
import { openStage, type Stage, shape } from '../support/whole-run.ts';

const quick = { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '1000' };
const runWithinMs = 500_000;
const first = shape.findIndex(({ copy }) => copy === 'begins');
/** One column that the bot cannot carry over, and a table with what the source was made ready for before the copy began. */
const ddl = `alter table public.campaign add column restarted text not null default 'new';
  create table public.made_meanwhile (id bigserial primary key, name text, constraint made_once unique (name) deferrable);
  insert into public.made_meanwhile (name) select 'row ' || n from generate_series(1, 500) n`;

let workDir: string;
let world: World;
let stage: Stage;
let workers: Workers;
let run: string;
/** From the press of the button on. */
let armed = false;
const hit: string[] = [];

beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-restart-copy-'));
  world = await openWorld({ workDir, environments: ['staging'], scale: 1, pauseMs: 100, environment: quick });
  stage = await openStage(world, (gate) => gate === 'approve-cutover');
  workers = doomedWorkers(world, { replace: {}, fateOf });
  await workers.add();
});
afterAll(async () => {
  await workers?.close();
  await stage?.close();
  await world?.close();
  await rm(workDir, { recursive: true, force: true });
});

/** Once behind each undo, between the two halves of the job's own, and when Google has taken the restart and nobody knows of it. */
function fateOf({ type, step, key }: SentFact): Fate {
  const moment = type === 'fact.recorded' ? `${step} ${key}` : `${step} ${type}`;
  const doomed = type === 'step.undone' || moment === 'start-migration-job taken back' || moment === 'start-migration-job operation';
  if (!armed || !doomed || hit.includes(moment)) return 'live';
  hit.push(moment);
  return { signal: 'SIGKILL', when: 'before' };
}

const until = (fits: Parameters<Stage['until']>[1], what: string) =>
  stage.until(run, fits, what, { withinMs: runWithinMs, failed: workers.failed });

/** What people did by hand they take back by hand: the cast does, and presses Retry. */
async function untilTheGate() {
  for (let byHandAt = 0; ; ) {
    const now = await until(
      ({ gate, blocked }) => gate?.gate === 'approve-cutover' || (blocked?.code === 'workloads.by-hand' && blocked.at > byHandAt),
      'the go/no-go card',
    );
    if (now.state.gate) return now;
    byHandAt = now.state.blocked?.at ?? 0;
  }
}
const on = <T>(name: string, sql: string): Promise<T[]> => {
  const cluster = world.servers.fleet.get(name);
  if (!cluster) throw new Error(`there is no instance ${name}`);
  return withSession({ ...cluster.admin, database: 'inapp' }, async (client) => (await client.query(sql)).rows as T[]);
};
const calls = (verb: string) => world.google.log.filter(({ verb: method, path }) => `${method} ${path}`.endsWith(verb));

test('DDL that the bot cannot carry over stops the run at its last question, and the failure offers to restart the copy', async () => {
  run = await stage.start('staging');
  await until(({ gate }) => gate?.gate === 'approve-cutover', 'the go/no-go card');
  const [{ owner = '' } = {}] = await on<{ owner: string }>(
    'me-inapp-staging-pg15',
    `select tableowner as owner from pg_tables where tablename = 'campaign'`,
  );
  await on('me-inapp-staging-pg15', `set role "${owner}"; ${ddl}; reset role`);
  await insist(() => world.slack.human.command('U0APPROVER', `/pgupgrade recheck ${run}`));
  const { state } = await until(({ blocked }) => blocked?.code === 'schema.changed', 'the stop');
  expect(state.blocked).toMatchObject({
    restartCopy: true,
    remedy: expect.stringContaining('*Restart the copy*: it takes everything anew'),
  });
});

test('pressed, it is taken back and copied anew, whoever is killed meanwhile, and the run comes to its gate with a clean comparison', async () => {
  const stopped = await until(() => true, 'now');
  const begun = stopped.state.steps.slice(first).filter(isBegun);
  const failure = await world.slack.waitFor(({ blocks }) => buttons(blocks).some(({ id }) => id === 'run:restart-copy'), 60_000);
  armed = true;
  const opened = world.slack.waitForView(
    ({ openedBy, definition }) => openedBy === 'U0OPERATOR' && definition['callback_id'] === 'restart-copy:asked',
  );
  await insist(() => world.slack.human.click('U0OPERATOR', failure.ts, 'run:restart-copy'));
  const modal = await opened;
  expect(JSON.stringify(modal.blocks)).toMatch(/Lost: what was copied in .* Writes stay on\./);
  expect(await world.slack.human.submit('U0OPERATOR', modal.id, { typed: run, reason: 'one more column' })).toMatchObject({ ok: true });

  const atGate = await untilTheGate();
  const facts = atGate.facts.slice(stopped.facts.length);
  const asked = facts.find((fact) => fact.type === 'copy.restart-requested');
  expect(asked).toMatchObject({ by: 'U0OPERATOR', reason: 'one more column', to: 'hold-schema-changes' });
  const undone = facts.flatMap((fact) => (fact.type === 'step.undone' ? [fact.step] : []));
  expect(undone).toEqual(begun.map(({ id }) => id).reverse());
  expect(facts.filter(({ type }) => type === 'copy.taken-back')).toHaveLength(1);
  expect(hit).toEqual(
    expect.arrayContaining([
      'start-migration-job taken back',
      'start-migration-job operation',
      ...undone.map((step) => `${step} step.undone`),
    ]),
  );
  // One copy was begun and one was begun anew; the instance is the same.
  expect([calls(':start').length, calls(':restart').length]).toEqual([1, 1]);
  expect(calls('/instances/me-inapp-staging-pg17').filter(({ verb }) => verb === 'DELETE')).toEqual([]);
  expect(atGate.state.writeStops).toEqual([]);
  // Nothing that was found of the first copy counts for the second.
  const proof = atGate.state.records.get('validate-live')?.get('proof') as { readonly since: number };
  expect(proof).toMatchObject({ since: expect.any(Number), prints: expect.anything() });
  expect(proof.since).toBeGreaterThan(asked?.at ?? Number.POSITIVE_INFINITY);
  const rehearsed = facts.flatMap((fact) => (fact.type === 'fact.recorded' && fact.step === 'rehearse-way-back' ? [fact] : []));
  const results = rehearsed.filter(({ key }) => key === 'result').map(({ value }) => value);
  expect(results[0]).toBeNull();
  expect(results.filter((value) => value !== null)).toEqual([expect.objectContaining({ problems: [] })]);
  expect(atGate.state.records.get('validate-live')?.get('verdict') as VerdictRecord).toMatchObject({ equal: true, count: 0 });
  expect(facts.filter((fact) => fact.type === 'step.done').map(({ step }) => step)).toEqual([
    'grant-migration-user',
    'drop-deferrable-constraints',
    'add-missing-primary-keys',
    ...shape
      .slice(
        first,
        shape.findIndex(({ id }) => id === 'approve-cutover'),
      )
      .map(({ id }) => id),
  ]);
  expect(
    await on(
      'me-inapp-staging-pg17',
      `select count(*)::int as rows, (select min(restarted) from public.campaign) as value from public.made_meanwhile`,
    ),
  ).toEqual([{ rows: 500, value: 'new' }]);
  await world.slack.waitFor(({ text }) => /♻ <@U0OPERATOR> asked to restart the copy · one more column/.test(text), 60_000);
});

test('the upgrade then ends as any other: nothing is lost, doubled or left behind', async () => {
  await stage.approve(run);
  const { state } = await until(({ status }) => status === 'finished', 'the end');
  await world.settled('staging');
  const { acknowledged, lost, doubled, outages } = await observe(world, 'staging');
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
  // The pods wrote all along, on both servers: what was taken back and copied anew has stopped nobody.
  expect(acknowledged).toBeGreaterThan(1_000);
  expect(outages.filter(({ kind }) => kind === 'cutover')).toHaveLength(1);
  const restored = await on('me-inapp-staging-pg17', `select conname from pg_constraint where conname = 'made_once' and condeferrable`);
  expect(restored).toHaveLength(1);
  const { header } = state;
  if (!header) throw new Error('the run has no header');
  await expect.poll(() => leftBehind(world, stage, header), { timeout: 60_000, interval: 500 }).toEqual([]);
});
