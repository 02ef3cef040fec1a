import { afterAll, beforeAll, expect, test } from 'vitest';
import { withSession } from '../../sandbox/servers/session.ts';
import { flagsOf, type Picture, pictureOf } from '../support/source-picture.ts';
import { openStage, type Stage } from '../support/stage.ts';

const replicationFlags = ['cloudsql.enable_pglogical', 'cloudsql.logical_decoding'];

let stage: Stage;
let before: Picture;
let flagsBefore: Readonly<Record<string, string>>;
/** Gates that the cast leaves to the test. */
let left: RegExp | undefined;

beforeAll(async () => {
  stage = await openStage({ leaves: (gate) => left?.test(gate) ?? false });
  // As a person may have set it for other reasons: new audiences wait in the queue, and no pod makes partitions meanwhile.
  stage.world.flags.set('ASYNC_AUDIENCE_CREATION_ENABLED', 'on');
  await stage.world.settled('staging');
  before = await pictureOf(stage.world, 'staging');
  flagsBefore = flagsOf(stage.world, 'staging');
}, 120_000);
afterAll(() => stage?.close());

function abort(run: string): Promise<string> {
  return stage.says('U0OPERATOR', `/pgupgrade abort ${run} "another day"`);
}

/** The people who are asked to do something while steps are taken back do it, until the run has ended. */
async function takenBack(run: string): Promise<void> {
  for (;;) {
    const { status, blocked } = await stage.until(
      run,
      (state) => state.blocked?.undoing === true || state.endedAt !== undefined,
      'the end',
    );
    if (status === 'aborted') return;
    if (blocked?.code !== 'workloads.by-hand') throw new Error(`${run} cannot take back ${blocked?.step}: ${blocked?.reason}`);
    await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
  }
}

/** The source is as it was, and the service writes to it. */
async function asBefore(): Promise<void> {
  await stage.world.settled('staging');
  expect(await pictureOf(stage.world, 'staging')).toEqual(before);
  const source = stage.cluster('me-inapp-staging-pg15');
  const since = Date.now();
  await expect
    .poll(() => {
      const fresh = stage.world.ledger.writes().filter(({ at, server }) => at > since && server === source.host);
      return new Set(fresh.map(({ pod }) => pod.replace(/-[0-9a-f]{6}$/, ''))).size;
    })
    .toBe(3);
}

test('aborted after the source was prepared: everything is taken back, the replication flags by an approval of their own', async () => {
  const run = await stage.starts('staging');
  await stage.fact(run, 'step.done', 'grant-migration-user');
  expect(Object.keys(flagsOf(stage.world, 'staging'))).toEqual(expect.arrayContaining(replicationFlags));
  await abort(run);
  await takenBack(run);
  expect(flagsOf(stage.world, 'staging')).toEqual(flagsBefore);
  await asBefore();
});

test('aborted after the migration was set up: job, profiles, certificate and new instance go, the flags stay when that is rejected', async () => {
  left = /^undo:enable-replication-flags$/;
  const run = await stage.starts('staging');
  await stage.fact(run, 'step.done', 'verify-migration-job');
  await abort(run);
  await stage.until(run, ({ gate }) => gate?.gate === 'undo:enable-replication-flags', 'the question about the flags');
  await stage.says('U0APPROVER', `/pgupgrade reject ${run} "the next try needs them"`);
  await takenBack(run);
  expect(Object.keys(flagsOf(stage.world, 'staging'))).toEqual(expect.arrayContaining(replicationFlags));
  left = undefined;
  await asBefore();
});

test('aborted while the data is copied', async () => {
  const run = await stage.starts('staging');
  await stage.fact(run, 'step.done', 'start-migration-job');
  await abort(run);
  await takenBack(run);
  const facts = await stage.facts(run);
  expect(facts.filter((fact) => fact.type === 'step.done' && fact.step === 'wait-for-sync')).toEqual([]);
  await asBefore();
});

test('a difference is found on demand and with the writers stopped, is shown, and gives the writes back by itself; then aborted', async () => {
  left = /^approve-cutover$/;
  const run = await stage.starts('staging');
  const card = await stage
    .until(run, ({ gate }) => gate?.gate === 'approve-cutover', 'the go/no-go card')
    .then(() => stage.card('approve-cutover'));
  const destination = stage.cluster('me-inapp-staging-pg17');
  expect(await stage.says('U0OPERATOR', '/pgupgrade validate')).toMatch(
    /^PG-\d+ source and destination: equal: \d+ tables, [\d,]+ rows, .*, schema and sequences in .* rows\/s, .*4 connections on each side/,
  );
  // The pods never touch the last campaign; without triggers nothing but the one column changes.
  const changed = await withSession({ ...destination.admin, database: 'inapp' }, async (client) => {
    await client.query('set session_replication_role = replica');
    return (
      await client.query<{ id: string; priority: number }>(
        'update public.campaign set priority = priority + 1 where id = (select max(id) from public.campaign) returning id, priority',
      )
    ).rows[0];
  });
  const row = `id=${changed?.id}\n- priority ${Number(changed?.priority) - 1}\n+ priority ${changed?.priority}`;
  const diff = await stage.says('U0OPERATOR', '/pgupgrade diff campaign');
  expect(diff).toMatch(/^PG-\d+ campaign: 1 difference in 1 table, /);
  expect(diff).toContain(row);
  await stage.presses('U0APPROVER', card.ts, 'gate:approve');
  const { blocked, writeStops, writesOffSince } = await stage.until(run, (state) => state.writeStops.length > 0, 'the writes given back');
  expect(blocked).toMatchObject({ code: 'writes.given-back' });
  expect(writeStops.map(({ end }) => end)).toEqual(['given-back']);
  expect(writesOffSince).toBeUndefined();
  await stage.world.slack.waitFor(
    ({ text, ephemeral }) => ephemeral === undefined && /writes are on again on .*, after [\d.]+ s off/.test(text),
    30_000,
  );
  await stage.world.slack.waitFor(
    ({ text, ephemeral }) => ephemeral === undefined && text.includes(`what differs`) && text.includes(row),
    30_000,
  );
  const lists = () => stage.world.slack.state.messages.flatMap(({ files }) => files.filter(({ name }) => name === 'differences.csv'));
  await expect.poll(() => lists().length, { timeout: 30_000 }).toBe(2);
  left = undefined;
  await abort(run);
  await takenBack(run);
  await asBefore();
});

test('a worker killed while the new instance is made leaves nothing behind when the run is aborted', async () => {
  stage.world.google.faults.add({ kind: 'hold', operation: 'CREATE', ms: 2_000 });
  const begun = new Promise<void>((resolve) => {
    const off = stage.world.google.on((event) => {
      if (event.type !== 'operation' || event.kind !== 'CREATE' || event.state !== 'begun') return;
      off();
      resolve();
    });
  });
  const run = await stage.starts('staging');
  await begun;
  stage.worker.kill('SIGKILL');
  await stage.worker.exited;
  await abort(run);
  await stage.startWorker();
  await takenBack(run);
  await asBefore();
});
