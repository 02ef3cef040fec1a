import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { observe } from '../../sandbox/observe.ts';
import { withSession } from '../../sandbox/servers/session.ts';
import type { Cluster } from '../../sandbox/types.ts';
import { idsOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { hasDiscovery, unofficial } from '../support/discovery.ts';
import { ask, constraintDefinition, notOwnedBy, replicationOn, rightsOf, sequences } from '../support/server-looks.ts';
import { openStage, type Stage, shape } from '../support/stage.ts';

const project = 'ems-mobile-engage-staging';
const application = `me-inapp@${project}.iam`;
const readers = [`me-device-event@${project}.iam`, 'bigquery'];

/** One upgrade of staging from the channel, under writes, by production's own entry points. */
describe('staging is upgraded from the channel while the service writes', () => {
  let stage: Stage;
  let source: Cluster;
  let destination: Cluster;
  let run: string;
  let state: RunState;
  let constraintBefore: string | undefined;
  const failures: { readonly pod: string; readonly error: string }[] = [];
  const refused: Record<string, string> = {};

  beforeAll(async () => {
    stage = await openStage({ leaves: (gate) => gate === 'create-destination' });
    const { world, says } = stage;
    source = stage.cluster('me-inapp-staging-pg15');
    constraintBefore = await constraintDefinition(source, 'campaign_priority');
    const hear = world.ledger.hear;
    vi.spyOn(world.ledger, 'hear').mockImplementation((pod, message) => {
      if (message.type === 'failed') failures.push({ pod, error: message.error });
      hear(pod, message);
    });
    for (const line of ['frobnicate', 'start moon', 'start staging --to=15', 'start staging --to=x'])
      refused[line] = await says('U0OPERATOR', `/pgupgrade ${line}`);
    refused['runs'] = String((await stage.log.runs()).length);

    run = await stage.starts('staging');
    refused['second start'] = await says('U0OPERATOR', '/pgupgrade start staging');
    const card = await stage.card('create-destination');
    const before = (await stage.facts(run)).length;
    refused['outsider'] = await stage.presses('U0OUTSIDER', card.ts, 'gate:approve');
    refused['facts'] = String((await stage.facts(run)).length - before);
    await stage.presses('U0LEAD', card.ts, 'gate:approve');
    state = await stage.ended(run, 'finished');
    await world.settled('staging');
    destination = stage.cluster('me-inapp-staging-pg17');
  }, 900_000);
  afterAll(() => stage?.close());

  test('what was typed wrongly is answered by one sentence and begins nothing', () => {
    for (const line of ['frobnicate', 'start moon', 'start staging --to=15', 'start staging --to=x']) {
      expect(refused[line]).toMatch(/^[^\n]{10,300}$/);
      expect(refused[line]).not.toContain('Something broke');
    }
    expect(refused['start moon']).toContain('moon');
    expect(refused['start staging --to=15']).toContain('15');
    expect(refused['runs']).toBe('0');
  });

  test('a second start of the environment is refused and names the run that holds it', () => {
    expect(refused['second start']).toContain('environment.held');
    expect(refused['second start']).toContain(run);
  });

  test('an outsider’s approval is refused and leaves no trace in the run', () => {
    expect(refused['outsider']).toMatch(/gate\.not-the-role/);
    expect(refused['facts']).toBe('0');
  });

  test('every step of the runbook is done', () => {
    expect(state.steps.map(({ id, status }) => `${id} ${status}`)).toEqual(idsOf(shape, 'upgrade').map((id) => `${id} done`));
    expect(state.steps).toHaveLength(44);
    expect(stage.trouble).toEqual([]);
  });

  test('with the writes off only what changed since the live comparison was read again, and its slots are gone', async () => {
    const evidence = state.steps.find(({ id }) => id === 'validate')?.evidence;
    expect(evidence).toMatch(/proved while changes flowed; with the writes off [\d,]+ rows? read again in \d+ ms; schema and sequences/);
    for (const cluster of [source, destination])
      expect(
        await ask(cluster, 'postgres', `select slot_name from pg_replication_slots where slot_name ~ '^pgupgrade_(proof|local)_'`),
      ).toEqual([]);
  });

  test('no acknowledged write is lost or doubled, and the pods are on the new instance only', async () => {
    const { acknowledged, lost, doubled, outages } = await observe(stage.world, 'staging');
    expect(acknowledged).toBeGreaterThan(500);
    expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
    expect(outages.filter(({ kind }) => kind === 'cutover')).toHaveLength(1);
    const own = stage.world.ledger.pods().filter(({ name }) => name.startsWith('inapp-staging/'));
    expect(own.length).toBeGreaterThan(4);
    expect(new Set(own.map(({ server }) => server))).toEqual(new Set([destination.host]));
    const strangers = await ask(source, 'postgres', `select usename, application_name from pg_stat_activity where usename = any ($1)`, [
      [application, ...readers],
    ]);
    expect(strangers).toEqual([]);
  });

  test('the new instance is PostgreSQL 17, and everything in it belongs to the configured owner', async () => {
    const [version] = await ask<{ version: string }>(destination, 'inapp', `select current_setting('server_version_num') as version`);
    expect(version?.version).toMatch(/^17/);
    expect(await notOwnedBy(destination, 'inapp', application)).toEqual([]);
    expect(await ask(destination, 'postgres', `select rolname from pg_roles where rolname = 'cloudsqlexternalsync'`)).toEqual([]);
  });

  test('the deferrable constraint is back exactly as it was', async () => {
    expect(constraintBefore).toMatch(/DEFERRABLE INITIALLY DEFERRED/);
    expect(await constraintDefinition(destination, 'campaign_priority')).toBe(constraintBefore);
  });

  test('every sequence goes on beyond the source’s last value', async () => {
    const [old, now] = [await sequences(source), await sequences(destination)];
    expect([...now.keys()].sort()).toEqual([...old.keys()].sort());
    const behind = [...old].filter(([name, { last }]) => last !== null && (now.get(name)?.next ?? 0n) <= last);
    expect(behind).toEqual([]);
    expect([...old.values()].filter(({ last }) => last !== null).length).toBeGreaterThan(3);
  });

  test('the three users have their rights, on what is there and on what the owner creates afterwards', async () => {
    expect(await rightsOf(destination, application)).toEqual(['select insert update delete']);
    for (const reader of readers) expect(await rightsOf(destination, reader)).toEqual(['select']);
    const rights = await withSession(
      { ...destination.admin, user: application, password: 'iam-token', database: 'inapp', ca: destination.serverCa },
      async (client) => {
        await client.query('begin');
        for (const schema of ['public', 'audience_data'])
          await client.query(`create table ${schema}.made_afterwards (id bigserial primary key)`);
        const { rows } = await client.query(
          `select u, s, has_table_privilege(u, s || '.made_afterwards', 'select') as reads, has_table_privilege(u, s || '.made_afterwards', 'insert') as writes,
                  has_sequence_privilege(u, s || '.made_afterwards_id_seq', 'select') as sequence
           from unnest($1::text[]) u, unnest(array['public', 'audience_data']) s order by u, s`,
          [readers],
        );
        // Not kept: a table that only the new side has is none of the way back's.
        await client.query('rollback');
        return rows;
      },
    );
    expect(rights).toHaveLength(4);
    for (const right of rights) expect(right).toMatchObject({ reads: true, writes: false, sequence: true });
  });

  test('the held partitions are made on the new instance, and nobody "must be owner"', () => {
    expect(stage.world.ledger.partitions().filter(({ server }) => server === destination.host).length).toBeGreaterThan(0);
    expect(failures.filter(({ error }) => /must be owner|permission denied for (table|schema)/.test(error))).toEqual([]);
  });

  test('backups, point-in-time recovery and high availability are as the source had them', () => {
    const { instances } = stage.world.google.state;
    const [old, now] = [instances.get(`${project}/${source.name}`)?.settings, instances.get(`${project}/${destination.name}`)?.settings];
    expect(now?.availabilityType).toBe('REGIONAL');
    expect(now?.backupConfiguration).toEqual(old?.backupConfiguration);
    expect(now?.backupConfiguration).toMatchObject({ enabled: true, pointInTimeRecoveryEnabled: true });
    expect(instances.get(`${project}/${destination.name}`)?.backups.length).toBeGreaterThan(0);
    expect([...instances.keys()].sort()).toEqual([`${project}/${source.name}`, `${project}/${destination.name}`]);
  });

  test('of all replication only the armed way back is left', async () => {
    const wayBack = `pgupgrade_wayback_${state.header?.uid}`;
    expect(await replicationOn(destination)).toEqual({
      slots: [`pgoutput ${wayBack}`],
      subscriptions: [],
      publications: [`inapp ${wayBack}`],
      extensions: [],
      nodes: [],
    });
    expect(await replicationOn(source)).toMatchObject({ slots: [], subscriptions: [`inapp ${wayBack}`], publications: [] });
    expect(stage.world.google.state.jobs.size + stage.world.google.state.profiles.size).toBe(0);
  });

  test('what is written on the new instance arrives on the old one, also rows of partitions that only the new one had', async () => {
    const [row] = await ask<{ id: string }>(
      destination,
      'inapp',
      `insert into public.event_log (kind, body) values ('way back', 'x') returning id`,
    );
    await expect
      .poll(() => ask(source, 'inapp', 'select kind from public.event_log where id = $1', [row?.id]), { timeout: 120_000, interval: 500 })
      .toEqual([{ kind: 'way back' }]);
    const made = stage.world.ledger.partitions().filter(({ server }) => server === destination.host);
    const [name] = made.map((partition) => partition.name);
    const count = `select count(*)::int as rows from audience_data.${name}`;
    expect(await ask(source, 'inapp', count)).toEqual(await ask(destination, 'inapp', count));
  });

  test('both settings of array types list the old OID and the new one', async () => {
    const oids = async (cluster: Cluster, type: string) =>
      (await ask<{ oid: string }>(cluster, 'inapp', 'select typarray::text as oid from pg_type where typname = $1', [type]))[0]?.oid;
    const wanted = {
      PG_PROGRAM_RUN_ARRAY_OIDS: `${await oids(source, 'program_run')},${await oids(destination, 'program_run')}`,
      PG_TEST_CONTACT_ARRAY_OIDS: `${await oids(source, 'test_contact')},${await oids(destination, 'test_contact')}`,
    };
    for (const name of ['inapp-web', 'inapp-worker'])
      expect(stage.world.deployments.get('inapp-staging', name)?.environment).toMatchObject(wanted);
  });

  test('Google and Slack were spoken to as they allow it', () => {
    expect(stage.world.google.log.length).toBeGreaterThan(100);
    expect(stage.world.google.log.flatMap(({ violations }) => violations)).toEqual([]);
    expect(stage.world.slack.state.refusals).toEqual([]);
    expect(stage.world.slack.state.unknownMethods).toEqual([]);
  });

  test.skipIf(!hasDiscovery)('every request to Google and every answer fits the official schemas', () => {
    expect(unofficial(stage.world.google.log)).toEqual([]);
  });
});
