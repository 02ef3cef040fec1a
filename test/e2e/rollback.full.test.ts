import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { iamToken } from '../../sandbox/servers/roles.ts';
import { withSession } from '../../sandbox/servers/session.ts';
import type { Cluster } from '../../sandbox/types.ts';
import { emergencyExit } from '../support/emergency-exit.ts';
import { holdTable } from '../support/hold-table.ts';
import { ask, constraintDefinition, sequences } from '../support/server-looks.ts';
import { type Picture, pictureOf } from '../support/source-picture.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** An upgrade is finished, the service writes on the new instance, and goes back under load with everything that it wrote there. */
let stage: Stage;
let before: Picture;
let source: Cluster;
let destination: Cluster;
let run: string;
let constraintBefore: string | undefined;
/** Ended after each test, whatever became of it. */
const holds: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const release of holds.splice(0)) await release();
});
async function hold(): Promise<{ release(): Promise<void> }> {
  const held = await holdTable(source, 'public.campaign');
  holds.push(held.release);
  return held;
}

beforeAll(async () => {
  stage = await openStage({
    leaves: (gate) => gate === 'approve-rollback',
    service: (yaml) => yaml.replace('deadline: 120s', 'deadline: 30s'),
  });
  source = stage.cluster('me-inapp-staging-pg15');
  constraintBefore = await constraintDefinition(source, 'campaign_priority');
  before = await pictureOf(stage.world, 'staging');
  run = await stage.starts('staging');
  await stage.ended(run, 'finished');
  await stage.world.settled('staging');
  destination = stage.cluster('me-inapp-staging-pg17');
}, 900_000);
afterAll(() => stage?.close());

const writes = (cluster: Cluster) => stage.world.ledger.writes().filter(({ server }) => server === cluster.host).length;
async function writesFlow(cluster: Cluster): Promise<void> {
  const known = writes(cluster);
  await expect.poll(() => writes(cluster), { timeout: 30_000 }).toBeGreaterThan(known + 100);
}
async function approveRollback(): Promise<void> {
  await stage.until(run, ({ gate }) => gate?.gate === 'approve-rollback', 'the question', 120_000);
  await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${(await openGate())?.nonce}`);
}
const asApplication = (statement: string) =>
  withSession(
    {
      ...destination.admin,
      user: 'me-inapp@ems-mobile-engage-staging.iam',
      password: iamToken,
      database: 'inapp',
      ca: destination.serverCa,
    },
    (client) => client.query(statement),
  );
const openGate = async () => (await stage.until(run, () => true, 'now')).gate;

/** What native replication is said to stumble over. */
const stumbling = [
  `insert into public.event_log (kind) select 'rolled' from generate_series(1, 2000)`,
  `select count(nextval('public.invoice_number')) from generate_series(1, 50)`,
  `update public.campaign set contacts = coalesce(contacts, '{}') || row (7, 'rolled@example.org')::public.test_contact where id % 7 = 0`,
  `update public.program set runs = runs || row (id, now(), 1.5)::public.program_run, last_run = row (id, now(), 2.5)::public.program_run where id % 2 = 0`,
  `insert into public.feature_toggle_override values ('gone with the next statement', true)`,
  'truncate public.feature_toggle_override',
  `insert into public.feature_toggle_override values ('after the truncate', true)`,
  'create table audience_data.member_777777 partition of audience_data.member for values in (777777)',
  `insert into audience_data.member (partition_key, member_id, contact) select 777777, g, row (g, 'new')::public.test_contact from generate_series(1, 500) g`,
  'create table public.made_on_the_new_side (id bigint primary key, text text)',
  `insert into public.made_on_the_new_side select g, 'x' from generate_series(1, 100) g`,
];
/** A sum over every row of what was changed: the same on both instances when all of it has come along. */
const sums = `select
  (select count(*) || ' ' || sum(hashtext(e::text)::bigint) from public.event_log e) as events,
  (select count(*) || ' ' || sum(hashtext(array_to_string(contacts, '|'))::bigint) from public.campaign where id % 7 = 0) as contacts,
  (select count(*) || ' ' || sum(hashtext(p::text)::bigint) from public.program p) as programs,
  (select string_agg(name, ',') from public.feature_toggle_override) as toggles,
  (select count(*) || ' ' || sum(member_id) from audience_data.member_777777) as partition,
  (select count(*) || ' ' || sum(id) from public.made_on_the_new_side) as made`;

test('a rollback waits while the old instance is behind, and stops nothing meanwhile', async () => {
  await writesFlow(destination);
  const held = await hold();
  for (const statement of stumbling) await asApplication(statement);
  await asApplication(`update public.campaign set payload = payload || jsonb_build_object('filler', repeat(id::text, 400))`);
  await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
  // A partition that a pod makes meanwhile has to wait as well: the apply that stands still holds its parent.
  await expect
    .poll(async () => (await stage.log.progress(run))?.text, { timeout: 60_000 })
    .toMatch(/^the old instance is .* behind, at most 1\.0 MB|^attempt \d of 8: canceling statement due to lock timeout/);
  await writesFlow(destination);
  expect(await openGate()).toBeUndefined();
  await held.release();
}, 240_000);

test('when the old instance does not catch up within the deadline, the writes are given back on the new one', async () => {
  await stage.until(run, ({ gate }) => gate?.gate === 'approve-rollback', 'the question', 120_000);
  const held = await hold();
  await approveRollback();
  const { blocked, writeStops } = await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
  expect(blocked?.code).toBe('writes.given-back');
  expect(blocked?.reason).toMatch(/(before the old instance was opened|has not confirmed LSN ).* Writes are on\.$/);
  expect(writeStops.map(({ end }) => end)).toEqual(['switched', 'given-back']);
  await writesFlow(destination);
  await held.release();
}, 240_000);

test('with worker, Redis, Slack and the old instance gone inside it, give-back-writes opens the new one, and the next worker goes on from there', async () => {
  await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
  const held = await hold();
  await approveRollback();
  await stage.until(
    run,
    ({ current, writesOffSince }) => writesOffSince !== undefined && current === 'drain-way-back',
    'the drain',
    60_000,
  );
  stage.worker.kill('SIGKILL');
  await source.crash();
  const stdout = await emergencyExit(stage.world, 'staging');
  expect(stdout).toMatch(/CONNECT and LOGIN on me-inapp-staging-pg17 are as they were before its fence; .* Writes are on\./);
  expect(stdout).toMatch(/inapp-web is scaled to \d+ replicas again\./);
  await writesFlow(destination);
  await source.restart();
  await stage.startWorker();
  const { blocked } = await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
  expect(blocked?.code).toBe('writes.given-back');
  await writesFlow(destination);
  await held.release();
}, 240_000);

test('tried again it goes through, and everything that was written on the new instance is on the old one', async () => {
  const [expected] = await ask(destination, 'inapp', sums);
  const handedOut = await sequences(destination);
  await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
  await approveRollback();
  const state = await stage.until(run, ({ status }) => status === 'rolled-back', 'the rollback', 240_000);
  expect(state.writeStops.map(({ end }) => end)).toEqual(['switched', 'given-back', 'given-back', 'rolled-back']);
  await stage.world.settled('staging');
  const { lost, doubled, acknowledged } = await stage.world.watch.count(source, () => true);
  expect(acknowledged).toBeGreaterThan(500);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
  expect((await ask(source, 'inapp', sums))[0]).toEqual(expected);
  const now = await sequences(source);
  const behind = [...handedOut].filter(([name, { last }]) => last !== null && (now.get(name)?.next ?? 0n) <= last);
  expect(behind).toEqual([]);
}, 300_000);

test('the source is what it was before the upgrade, and the service writes there', async () => {
  const after = await pictureOf(stage.world, 'staging');
  // Partitions that the service made meanwhile belong to it.
  const { schema: _schemaBefore, ...restBefore } = before;
  const { schema: _schemaAfter, ...restAfter } = after;
  expect(restAfter).toEqual(restBefore);
  expect(await constraintDefinition(source, 'campaign_priority')).toBe(constraintBefore);
  await writesFlow(source);
});

test('the environment is free for the next attempt, and a second rollback is refused', async () => {
  expect((await stage.log.runs()).find((one) => one.run === run)?.active).toBe(false);
  expect(await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "again"`)).toContain('rollback.under-way');
});
