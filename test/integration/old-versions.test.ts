import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deferrableConstraints, materializedViews, tables } from '../../src/postgres/catalogue.ts';
import { catalogueVersion } from '../../src/postgres/catalogue-version.ts';
import { hindrances } from '../../src/postgres/connected.ts';
import { databaseSizes } from '../../src/postgres/database-sizes.ts';
import { ddlSince, transactionNow } from '../../src/postgres/ddl-since.ts';
import { openServer, type Server } from '../../src/postgres/dsn.ts';
import { fence } from '../../src/postgres/fence.ts';
import { type FenceLedger, standingFences } from '../../src/postgres/fence-ledger.ts';
import { fingerprint } from '../../src/postgres/fingerprint.ts';
import { lagOf } from '../../src/postgres/lag.ts';
import { preflightFindings } from '../../src/postgres/preflight.ts';
import { replicationSettings } from '../../src/postgres/replication-settings.ts';
import { raiseSequences } from '../../src/postgres/sequences.ts';
import { dropSlot } from '../../src/postgres/slots.ts';
import { tableDefinitions, userTables } from '../../src/postgres/table-definition.ts';
import { endOlderSessions } from '../../src/postgres/take-over.ts';
import type { Postgres, Side } from '../../src/postgres/types.ts';
import { unfence } from '../../src/postgres/unfence.ts';
import { lookAtWayBack } from '../../src/postgres/way-back.ts';
import { openNpmWorld } from '../support/npm-postgres.ts';
import type { ValidatorWorld } from '../support/validator-world.ts';

const schema = [
  'create table campaign (id bigserial primary key, priority int, note text default current_user, unique (priority) deferrable)',
  'create table part (id int, body text) partition by list (id)',
  'create table part_1 partition of part for values in (1)',
  'create materialized view summary as select count(*) as n from campaign',
  'insert into campaign (priority) select generate_series(1, 5)',
];
const roles = [
  `create role bot login createrole createdb password 'bot'`,
  `create role owner login password 'owner'`,
  'create role migration login replication',
  'grant owner, pg_monitor to bot',
  'grant create on database postgres to bot',
  'alter database inapp owner to owner',
  'alter schema public owner to owner',
  'set role owner',
];

/** What the bot asks of a source, on the oldest servers that there are builds of: with 13 a session's end is not waited for by the server. */
describe.each([13, 14])('a source of version %i', (version) => {
  let opened: ValidatorWorld | string;
  let servers: Readonly<Record<Side, Server>>;
  let postgres: Postgres;
  const dsn = (world: ValidatorWorld, side: Side, user: string) => {
    const { host, port } = world.admin[side];
    return `postgres://${user}@${host}:${port}/postgres`;
  };
  beforeAll(async () => {
    opened = await openNpmWorld(version, 18);
    if (typeof opened === 'string') return;
    const world = opened;
    await world.rebuild({ source: [...roles, ...schema], destination: [...roles, ...schema] });
    const open = (side: Side) => openServer({ dsn: dsn(world, side, 'bot'), side, applicationName: `pgupgrade/PG-1/test/7` });
    servers = { source: open('source'), destination: open('destination') };
    const { source, destination } = world.admin;
    postgres = {
      database: (side, name) => servers[side].database(name),
      databases: (side) => servers[side].databases(),
      login: async (side, database, user) => {
        const server = openServer({ dsn: dsn(world, side, user), side, applicationName: 'test-login' });
        return server.database(database);
      },
      address: async (side) => ({ ...(side === 'source' ? source : destination), caCertificate: '' }),
    };
  }, 180_000);
  afterAll(async () => {
    if (typeof opened !== 'object') return;
    await Promise.all([servers.source.close(), servers.destination.close()]);
    await opened.close();
  });
  const there = (name: string, work: (world: ValidatorWorld) => Promise<void>) =>
    test(name, async (context) => {
      if (typeof opened === 'string') return context.skip(opened);
      await work(opened);
    });

  there('is looked at before anything is changed', async () => {
    const findings = await preflightFindings(servers.source, { to: 18 });
    expect(findings.map(({ code }) => code)).toContain('constraint.deferrable');
  });

  there('what earlier owners of the run left is ended, and nobody else', async (world) => {
    const session = async (name: string) => {
      const client = new Client({ ...world.admin.source, user: 'bot', database: 'inapp', application_name: name });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    const older = await session('pgupgrade/PG-1/fence-source/6');
    const others = await Promise.all(['pgupgrade/PG-1/fence-source/8', 'pgupgrade/PG-11/fence-source/6', 'psql'].map(session));
    await endOlderSessions(await postgres.database('source', 'postgres'), 'PG-1', 7);
    await expect(older.query('select 1')).rejects.toThrow();
    for (const other of others) {
      await other.query('select 1');
      await other.end();
    }
  });

  there('its catalogues are read, tables are told as statements, and DDL is noticed', async (world) => {
    const sql = await postgres.database('source', 'inapp');
    const before = await fingerprint(sql, ['public']);
    const since = await transactionNow(sql);
    expect((await tables(sql)).map(({ name }) => name)).toEqual(expect.arrayContaining(['campaign', 'part', 'part_1']));
    expect(await deferrableConstraints(sql)).toHaveLength(1);
    expect(await materializedViews(sql)).toHaveLength(1);
    expect(await tableDefinitions(sql, [...(await userTables(sql))])).toHaveLength(3);
    await catalogueVersion(sql);
    await databaseSizes(postgres, 'source');
    await replicationSettings(await postgres.database('source', 'postgres'));
    expect(await lagOf(postgres)).toMatchObject({ slots: 0 });
    expect(await lookAtWayBack({ postgres, uid: 'x', databases: ['inapp'] })).toMatchObject([{ subscription: 'none' }]);
    await hindrances(await postgres.database('source', 'postgres'), { keep: ['migration'], readers: [] });
    await world.on('source', 'create table more (id int primary key)');
    expect(await fingerprint(sql, ['public'])).not.toEqual(before);
    expect((await ddlSince(sql, ['public'], since)).map(({ object }) => object)).toEqual(['table public.more']);
  });

  there('sequences are raised from it', async (world) => {
    await world.on('source', `select setval('campaign_id_seq', 4711)`);
    const { raises } = await raiseSequences(postgres, ['inapp'], async () => undefined);
    expect(raises).toMatchObject([{ sequence: '"public"."campaign_id_seq"' }]);
    expect(Number(raises[0]?.to)).toBeGreaterThan(4711);
  });

  there('a slot that somebody reads from is dropped', async (world) => {
    await world.on('source', `select pg_create_logical_replication_slot('left', 'test_decoding')`);
    const session = await postgres.login('source', 'inapp', 'migration', '');
    await dropSlot(session, 'left');
    await session.end();
    expect(await world.on('source', 'select slot_name from pg_replication_slots')).toEqual([]);
  });

  there('is closed to writers and opened again', async () => {
    let saved: FenceLedger | undefined;
    const { proof } = await fence({
      postgres,
      run: 'PG-1',
      databases: ['inapp'],
      keep: ['migration'],
      readers: [],
      logins: [{ user: 'owner', password: 'owner' }],
      ledger: undefined,
      save: async (ledger) => {
        saved = ledger;
      },
      signal: new AbortController().signal,
    });
    expect(proof.gaps).toEqual([]);
    expect(proof.text).toContain('owner was refused on inapp');
    const sql = await postgres.database('source', 'postgres');
    if (saved) await unfence(sql, 'PG-1', saved);
    expect(await standingFences(sql)).toEqual([]);
    const session = await postgres.login('source', 'inapp', 'owner', 'owner');
    await session.end();
  });
});
