import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createValidator } from '../../src/validator/compare.ts';
import type { CompareRequest, ConnectionFactory } from '../../src/validator/types.ts';
import { holdTable } from '../support/hold-table.ts';
import { type ClusterWorld, openWorld } from '../support/validator-world.ts';

const schema = ['create table one (id int primary key)', 'create table two (id int primary key)', 'insert into one values (1)'];
const request: CompareRequest = {
  databases: ['inapp'],
  live: false,
  sequences: true,
  expected: [],
  connections: 2,
  signal: new AbortController().signal,
};
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
  const factory: ConnectionFactory = {
    async open(database, applicationName) {
      const waiting = kept.pop();
      if (waiting) return waiting;
      const client = new Client({ ...world.admin[side], database, application_name: applicationName });
      await client.connect();
      opened.push(client);
      return client;
    },
    keep: (client) => void kept.push(client),
  };
  return { factory, opened, kept };
}

test('a comparison that was readied opens nothing more for the schema, sees what changed since, and as many as it needs for rows', async () => {
  const [source, destination] = [counting('source'), counting('destination')];
  const validator = createValidator({ source: source.factory, destination: destination.factory });
  await validator.warm({ ...request, connections: 0 });
  expect([source.opened.length, destination.opened.length, source.kept.length, destination.kept.length]).toEqual([1, 1, 1, 1]);

  await world.on('destination', 'create table three (id int primary key)', 'insert into one values (2)');
  const schemaOnly = await validator.compare({ ...request, rowsOf: Promise.resolve({ inapp: [] }) });
  expect(schemaOnly.objects.map(({ kind, object }) => `${kind} ${object}`)).toEqual(['table public.three']);
  expect(schemaOnly.tables).toEqual([]);
  expect([source.opened.length, destination.opened.length]).toEqual([1, 1]);

  await validator.warm({ ...request, connections: 0 });
  const oneTable = await validator.compare({ ...request, rowsOf: Promise.resolve({ inapp: ['public.one'] }) });
  expect(oneTable.tables).toMatchObject([{ table: 'public.one', equal: false, extra: 1 }]);
  expect([source.opened.length, destination.opened.length]).toEqual([4, 4]);
  expect([await world.sessions('source'), await world.sessions('destination')]).toEqual([0, 0]);
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
