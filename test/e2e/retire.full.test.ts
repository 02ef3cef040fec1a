import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import { ask, replicationOn } from '../support/server-looks.ts';
import { flagsOf } from '../support/source-picture.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** An upgrade is finished and stays: the old instance is retired, while the service goes on writing. */
let stage: Stage;
let source: Cluster;
let destination: Cluster;
let run: string;
let flagsBefore: Readonly<Record<string, string>>;

beforeAll(async () => {
  stage = await openStage({ leaves: (gate) => gate === 'delete-source' });
  source = stage.cluster('me-inapp-staging-pg15');
  flagsBefore = flagsOf(stage.world, 'staging');
  run = await stage.starts('staging');
  await stage.ended(run, 'finished');
  await stage.world.settled('staging');
  destination = stage.cluster('me-inapp-staging-pg17');
}, 900_000);
afterAll(() => stage?.close());

const roles = async (cluster: Cluster) =>
  (await ask<{ name: string }>(cluster, 'postgres', `select rolname as name from pg_roles where rolname !~ '^(pg_|cloudsql)'`)).map(
    ({ name }) => name,
  );
const memberships = (cluster: Cluster) =>
  ask(
    cluster,
    'postgres',
    `select roleid::regrole::text as role from pg_auth_members where member = 'postgres'::regrole and roleid::regrole::text ~ 'me-inapp'`,
  );

test('before anything is deleted nothing of migration and way back is left on either instance, and a last backup is there', async () => {
  const begun = stage.world.ledger.writes().length;
  await stage.says('U0OPERATOR', `/pgupgrade retire ${run} "it stays"`);
  await stage.until(run, ({ gate }) => gate?.gate === 'delete-source', 'the last question', 300_000);
  for (const cluster of [source, destination])
    expect(await replicationOn(cluster)).toEqual({ slots: [], subscriptions: [], publications: [], extensions: [], nodes: [] });
  for (const cluster of [source, destination])
    expect(await roles(cluster)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(migration|wayback)$/)]));
  expect(await memberships(source)).toEqual([]);
  expect(flagsOf(stage.world, 'staging')).toEqual(flagsBefore);
  const [settings] = await ask(
    source,
    'postgres',
    `select current_setting('wal_level') as wal, current_setting('shared_preload_libraries') as libraries`,
  );
  expect(settings).toMatchObject({ wal: 'replica', libraries: expect.not.stringContaining('pglogical') });
  const { instances, secrets } = stage.world.google.state;
  const old = [...instances.values()].find(({ name }) => name === source.name);
  expect(old?.settings).toMatchObject({ retainBackupsOnDelete: true });
  expect(old?.backups.some(({ description }) => description?.includes('before the deletion'))).toBe(true);
  expect([...secrets].filter(([name, { versions }]) => /migration|wayback/.test(name) && versions.length > 0)).toEqual([]);
  expect([...instances.values()].flatMap(({ users }) => [...users.keys()]).filter((name) => /^(migration|wayback)$/.test(name))).toEqual(
    [],
  );
  expect(stage.world.ledger.writes().length).toBeGreaterThan(begun + 100);
}, 400_000);

test('with the name typed and an approval the old instance is gone, the service has lost nothing, and there is no way back any more', async () => {
  const { gate } = await stage.until(run, (state) => state.gate?.gate === 'delete-source', 'the last question');
  expect(gate?.plan.join(' ')).toContain(`delete ${source.name}`);
  await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${gate?.nonce}`);
  await stage.until(run, ({ status }) => status === 'retired', 'the end', 120_000);
  expect(stage.world.servers.fleet.list().map(({ name }) => name)).toEqual([destination.name]);
  const { lost, doubled } = await stage.world.watch.count(destination, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
  expect((await stage.log.runs()).find((one) => one.run === run)?.active).toBe(false);
  expect(await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "too late"`)).toContain('rollback.too-late');
  expect(await stage.says('U0OPERATOR', `/pgupgrade retire ${run} "again"`)).toContain('retire.under-way');
}, 200_000);
