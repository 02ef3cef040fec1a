import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { bucketOf } from '../../src/validator/proof/covered.ts';
import { proofIn } from '../support/proof-world.ts';
import { openMovingWorld } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

/** What no feed names: tables that are another than when they were seen equal. */
let world: ClusterWorld;
let proofs: ReturnType<typeof proofIn>;

beforeAll(async () => {
  world = await openMovingWorld();
  proofs = proofIn(world);
});
afterEach(() => proofs?.end());
afterAll(() => world?.close());

test('TRUNCATE, a rewrite and a table that is new on both sides are compared as a whole', async () => {
  const now = await proofs.begun();
  await world.on('destination', 'truncate toggle', `alter table token alter n type int using n + 1`);
  for (const side of ['source', 'destination'] as const) await world.on(side, 'create table made (id int primary key, v text)');
  await world.on('source', `insert into made values (1, 'only here')`);
  const { whole, unequal } = await proofs.settled(now);
  expect(unequal).toEqual([]);
  expect(whole).toEqual(expect.arrayContaining(['public.made', 'public.toggle', 'public.token']));
  await world.on('destination', `alter table token alter n type int using n - 1`, 'drop table made');
  await world.on('source', 'drop table made', `select pglogical.alter_replication_set('one')`);
  const rows = await world.on('source', 'select id, v from toggle order by id');
  for (const { id, v } of rows) await world.on('destination', `insert into toggle values (${id}, '${v}')`);
});

test('once such a table was compared, while changes flow, it is proved again and its print is kept', async () => {
  const now = await proofs.begun();
  const before = now.state.prints;
  await world.on('destination', 'vacuum full toggle');
  await vi.waitFor(
    async () => {
      await now.round();
      expect(now.state.prints).not.toEqual(before);
      expect(now.state.whole).toEqual([]);
    },
    { timeout: 20_000, interval: 300 },
  );
  expect((await proofs.settled(now)).whole).toEqual(['public.journal']);
});

test('in the write stop no round begins to compare one: settling does it in less', async () => {
  const now = await proofs.begun();
  const changed = async () => {
    await world.on('destination', 'vacuum full toggle');
    // Settling looks at the tables; broken off behind that it leaves them to the rounds.
    await expect(now.settle(AbortSignal.timeout(0))).rejects.toThrow();
    expect(now.state.whole).toEqual(['public.toggle']);
  };
  await changed();
  const began = Date.now();
  await vi.waitFor(async () => {
    await now.round();
    expect(now.state.whole).toEqual([]);
  });
  const tookMs = Date.now() - began;
  await changed();
  for (const until = Date.now() + 3 * tookMs; Date.now() < until; ) await now.round(false);
  expect(now.state.whole).toEqual(['public.toggle']);
  expect(await proofs.settled(now)).toMatchObject({ tables: 1, whole: ['public.journal'] });
});

test('a new table leaves the tables of its bucket proved, also for whoever takes over', async () => {
  const now = await proofs.begun();
  const name = Array.from({ length: 20_000 }, (_, n) => `made_${n}`).find(
    (one) => bucketOf(`public.${one}`) === bucketOf('public.account'),
  );
  for (const side of ['source', 'destination'] as const) await world.on(side, `create table ${name} (id int primary key)`);
  await world.on('source', `insert into ${name} values (1)`);
  const { whole } = await proofs.settled(now);
  expect(whole).toEqual(['public.journal', `public.${name}`]);
  const { prints } = now.state;
  await now.close();
  const second = await proofs.open(prints);
  expect(second.state.whole).toEqual([`public.${name}`]);
  await second.close();
  await world.on('destination', 'vacuum full account');
  const third = await proofs.open(prints);
  expect(third.state.whole).toEqual(['public.account', `public.${name}`]);
  for (const side of ['source', 'destination'] as const) await world.on(side, `drop table ${name}`);
});

test('a table that had no key for a while, in which its changes named no row, is compared as a whole', async () => {
  const now = await proofs.begun();
  await world.on('destination', 'alter table toggle drop constraint toggle_pkey');
  expect((await proofs.settled(now)).whole).toContain('public.toggle');
  await world.on('destination', `update toggle set v = 'X' where id = 5`);
  await proofs.settled(now);
  await world.on('destination', 'alter table toggle add primary key (id)');
  const { unequal, whole } = await proofs.settled(now);
  expect([...unequal, ...whole]).toContain('public.toggle');
  const [row] = await world.on('source', 'select v from toggle where id = 5');
  await world.on('destination', `update toggle set v = '${row?.['v']}' where id = 5`);
});

test('small ones are compared by the settling itself, a large one and one that differs are left', async () => {
  const now = await proofs.begun();
  await world.on('destination', 'vacuum full toggle');
  for (const side of ['source', 'destination'] as const) {
    await world.on(side, 'create table made (id int primary key, v text)', 'create table other (id int primary key, v text)');
    await world.on(side, `insert into made select n, 'row ' || n from generate_series(1, 1000) n`);
    await world.on(
      side,
      'create table large (id int primary key, v text)',
      `insert into large select n, (select string_agg(md5(n || ' ' || i), '') from generate_series(1, 50) i) from generate_series(1, 6000) n`,
    );
  }
  await world.on('source', `insert into other values (1, 'only here')`);
  const { tables, whole } = await proofs.settled(now);
  expect(tables).toBe(2);
  expect(whole).toEqual(['public.journal', 'public.large', 'public.other']);
  for (const side of ['source', 'destination'] as const) await world.on(side, 'drop table made, other, large');
});

test('a table without a key, and one that is not logged, are left to a comparison', async () => {
  for (const side of ['source', 'destination'] as const) await world.on(side, 'create unlogged table fleeting (id int primary key)');
  const now = await proofs.begun();
  expect(now.state.uncovered).toEqual(['public.fleeting', 'public.journal']);
  expect((await proofs.settled(now)).whole).toEqual(['public.fleeting', 'public.journal']);
  for (const side of ['source', 'destination'] as const) await world.on(side, 'drop table fleeting');
});
