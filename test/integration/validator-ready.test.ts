import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createValidator } from '../../src/validator/compare.ts';
import type { ConnectionFactory } from '../../src/validator/types.ts';
import { holdTable } from '../support/hold-table.ts';
import { atRest, type ClusterWorld, openWorld } from '../support/validator-world.ts';

const schema = [
  `do $$ begin if not exists (select from pg_roles where rolname = 'clerk') then create role clerk; end if; end $$`,
  'create table one (id int primary key)',
  'create table two (id int primary key, n int, t text)',
  'insert into one values (1)',
  'create sequence counter',
  'create index by_n on two (n)',
  `create type mood as enum ('sad', 'ok')`,
  'create domain positive as int check (value > 0)',
  'create view both_tables as select one.id, n from one join two using (id)',
  'create function twice(n int) returns int language sql immutable as $$ select n * 2 $$',
  'create function noted() returns trigger language plpgsql as $$ begin return new; end $$',
  'create function happens() returns event_trigger language plpgsql as $$ begin end $$',
  'create table part (id int) partition by list (id)',
  'create table part_1 partition of part for values in (1)',
  'create extension citext',
];
/** What somebody may change between the two looks, none of it by its rows alone. */
const ddl = [
  'create table three (id int primary key)',
  'drop table two cascade',
  'alter table two add column more int',
  'alter table two drop column t',
  'alter table two alter column n set default 4',
  'alter table two alter column t type varchar(40)',
  'alter table two rename column t to words',
  'alter table two add check (n > 0)',
  'alter table two replica identity full',
  'alter table two enable row level security',
  'create policy own on two using (n = 1)',
  'drop index by_n',
  'create index by_t on two (t)',
  `alter type mood add value 'fine'`,
  'alter domain positive drop constraint positive_check',
  'create or replace view both_tables as select one.id, n + 1 as n from one join two using (id)',
  'create or replace function twice(n int) returns int language sql immutable as $$ select n * 3 $$',
  'create trigger watches before insert on one for each row execute function noted()',
  'alter table part detach partition part_1',
  'create table part_2 partition of part for values in (2)',
  'alter sequence counter increment 5',
  'alter sequence counter owned by one.id',
  'alter extension citext add function twice(int)',
  'grant select on one to clerk',
  'grant update (n) on two to clerk',
  'grant usage on schema public to clerk',
  'alter table one owner to clerk',
  'alter default privileges for role clerk in schema public grant select on tables to pg_monitor',
  `comment on table one is 'the first'`,
  `comment on schema public is 'another'`,
  'alter database inapp owner to clerk',
  `alter role clerk in database inapp set work_mem = '8MB'`,
  'create statistics of_two (dependencies) on n, t from two',
  'create publication everything for all tables',
  'create collation german (provider = icu, locale = $$de$$)',
  'create event trigger watch on ddl_command_end execute function happens()',
];
const request = atRest();
let world: ClusterWorld;
beforeAll(async () => {
  world = await openWorld();
  await world.rebuild({ source: schema, destination: schema });
}, 120_000);
afterAll(() => world.close());

/** Counts what is opened, and keeps what is given back. */
function counting(side: 'source' | 'destination') {
  const kept: Client[] = [];
  const opened: Client[] = [];
  const statements: string[] = [];
  const factory: ConnectionFactory = {
    async open(database, applicationName) {
      const waiting = kept.pop();
      if (waiting) return waiting;
      const client = new Client({ ...world.admin[side], database, application_name: applicationName });
      await client.connect();
      opened.push(client);
      const query = client.query.bind(client) as (...given: unknown[]) => unknown;
      Object.assign(client, {
        query: (...given: unknown[]) => {
          const [first] = given;
          statements.push(typeof first === 'string' ? first : ((first as { text?: string }).text ?? ''));
          return query(...given);
        },
      });
      return client;
    },
    keep: (client) => void kept.push(client),
  };
  return { factory, opened, kept, statements };
}

test('a comparison that was readied opens nothing more for the schema, sees what changed since, and as many as it needs for rows', async () => {
  const [source, destination] = [counting('source'), counting('destination')];
  const validator = createValidator({ source: source.factory, destination: destination.factory });
  await validator.ready({ ...request, connections: 0 });
  expect([source.opened.length, destination.opened.length, source.kept.length, destination.kept.length]).toEqual([1, 1, 1, 1]);

  await world.on('destination', 'create table three (id int primary key)', 'insert into one values (2)');
  const schemaOnly = await validator.compare({ ...request, rowsOf: Promise.resolve({ inapp: [] }) });
  expect(schemaOnly.objects.map(({ kind, object }) => `${kind} ${object}`)).toEqual(['table public.three']);
  expect(schemaOnly.tables).toEqual([]);
  expect([source.opened.length, destination.opened.length]).toEqual([1, 1]);

  await validator.ready({ ...request, connections: 0 });
  const oneTable = await validator.compare({ ...request, rowsOf: Promise.resolve({ inapp: ['public.one'] }) });
  expect(oneTable.tables).toMatchObject([{ table: 'public.one', equal: false, extra: 1 }]);
  expect([source.opened.length, destination.opened.length]).toEqual([4, 4]);
  expect([await world.sessions('source'), await world.sessions('destination')]).toEqual([0, 0]);
});

test('what nobody changed since it was readied is not read again; rows, ANALYZE and VACUUM change nothing', async () => {
  await world.rebuild({ source: schema, destination: schema });
  const [source, destination] = [counting('source'), counting('destination')];
  const validator = createValidator({ source: source.factory, destination: destination.factory });
  const lists = () => [...source.statements, ...destination.statements].filter((text) => text.includes('pg_get_indexdef')).length;
  await validator.ready({ ...request, connections: 0 });
  const readied = lists();
  expect(readied).toBeGreaterThan(0);
  await world.on('source', 'insert into two select g, g from generate_series(1, 1000) g', `select setval('counter', 9)`, 'analyze');
  await world.on('destination', 'insert into two select g, g from generate_series(1, 1000) g', `select setval('counter', 9)`);
  await world.on('destination', 'vacuum freeze');
  const verdict = await validator.compare(request);
  expect({ objects: verdict.objects, equal: verdict.equal, read: lists() - readied }).toEqual({ objects: [], equal: true, read: 0 });
  // Once only: whoever compares again without being readied reads everything.
  await validator.compare(request);
  expect(lists()).toBeGreaterThan(readied);
});

test.each(ddl)('since it was readied: %s', async (statement) => {
  await world.rebuild({ source: schema, destination: schema });
  const [source, destination] = [counting('source'), counting('destination')];
  const validator = createValidator({ source: source.factory, destination: destination.factory });
  await validator.ready({ ...request, connections: 0 });
  await world.on('destination', statement);
  const verdict = await validator.compare(request);
  const fresh = await world.compare();
  expect(verdict.objects).toEqual(fresh.objects);
  expect(fresh.objects.length + fresh.expected.length + fresh.tables.filter(({ equal }) => !equal).length).toBeGreaterThan(0);
});

test('where the schema’s session is lost, nobody waits for what the rows wait for', async () => {
  const [source, destination] = [counting('source'), counting('destination')];
  const validator = createValidator({ source: source.factory, destination: destination.factory });
  // The comments are read last: that waits.
  const held = await holdTable(world.destination, 'pg_catalog.pg_description', 'access exclusive');
  const comparing = validator.compare({ ...request, rowsOf: new Promise(() => undefined) });
  comparing.catch(() => undefined);
  const waiting = `from pg_stat_activity where application_name = 'pgupgrade-validate' and wait_event_type = 'Lock'`;
  await expect.poll(() => world.on('destination', `select ${waiting}`)).toHaveLength(1);
  await world.on('destination', `select pg_terminate_backend(pid) ${waiting}`);
  await expect(comparing).rejects.toThrow(/terminat|connection/i);
  await held.release();
  await expect.poll(async () => [await world.sessions('source'), await world.sessions('destination')]).toEqual([0, 0]);
});
