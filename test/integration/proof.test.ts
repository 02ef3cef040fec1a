import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { bucketOf } from '../../src/validator/proof/covered.ts';
import type { DatabaseProof } from '../../src/validator/proof/database-proof.ts';
import { proofIn } from '../support/proof-world.ts';
import { openMovingWorld, underLoad } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
let proofs: ReturnType<typeof proofIn>;
let proof: DatabaseProof | undefined;
const never = new AbortController().signal;

beforeAll(async () => {
  world = await openMovingWorld();
  proofs = proofIn(world);
});
afterEach(async () => {
  await proof?.close();
  proof = undefined;
  await proofs.drop();
});
afterAll(() => world?.close());

async function begun(): Promise<DatabaseProof> {
  const prints = await proofs.begin();
  const verdict = await world.compare({
    live: true,
    sequences: false,
    parts: 'rows',
    tables: ['public.account', 'public.toggle', 'public.token'],
  });
  expect(verdict.equal).toBe(true);
  proof = await proofs.open(prints);
  return proof;
}
const settled = async (of: DatabaseProof) => {
  await proofs.drain();
  return of.settle(never);
};
const slot = async (side: 'source' | 'destination') => {
  const [row] = await world.on(
    side,
    `select active_pid as pid, confirmed_flush_lsn::text as confirmed from pg_replication_slots where slot_name = 'pgupgrade_proof_test'`,
  );
  return { pid: Number(row?.['pid']), confirmed: String(row?.['confirmed']) };
};

describe('what no feed names', () => {
  test('TRUNCATE, a rewrite and a table that is new on both sides are compared as a whole', async () => {
    const now = await begun();
    await world.on('destination', 'truncate toggle', `alter table token alter n type int using n + 1`);
    for (const side of ['source', 'destination'] as const) await world.on(side, 'create table made (id int primary key, v text)');
    await world.on('source', `insert into made values (1, 'only here')`);
    const { whole, unequal } = await settled(now);
    expect(unequal).toEqual([]);
    expect(whole).toEqual(expect.arrayContaining(['public.made', 'public.toggle', 'public.token']));
    await world.on('destination', `alter table token alter n type int using n - 1`, 'drop table made');
    await world.on('source', 'drop table made', `select pglogical.alter_replication_set('one')`);
    const rows = await world.on('source', 'select id, v from toggle order by id');
    for (const { id, v } of rows) await world.on('destination', `insert into toggle values (${id}, '${v}')`);
  });

  test('once such a table was compared, while changes flow, it is proved again and its print is kept', async () => {
    const now = await begun();
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
    expect((await settled(now)).whole).toEqual(['public.journal']);
  });

  test('in the write stop no round begins to compare one: settling does it in less', async () => {
    const now = await begun();
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
    expect(await settled(now)).toMatchObject({ tables: 1, whole: ['public.journal'] });
  });

  test('a new table leaves the tables of its bucket proved, also for whoever takes over', async () => {
    const now = await begun();
    const name = Array.from({ length: 20_000 }, (_, n) => `made_${n}`).find(
      (one) => bucketOf(`public.${one}`) === bucketOf('public.account'),
    );
    for (const side of ['source', 'destination'] as const) await world.on(side, `create table ${name} (id int primary key)`);
    await world.on('source', `insert into ${name} values (1)`);
    const { whole } = await settled(now);
    expect(whole).toEqual(['public.journal', `public.${name}`]);
    const { prints } = now.state;
    await now.close();
    proof = await proofs.open(prints);
    expect(proof.state.whole).toEqual([`public.${name}`]);
    await proof.close();
    await world.on('destination', 'vacuum full account');
    proof = await proofs.open(prints);
    expect(proof.state.whole).toEqual(['public.account', `public.${name}`]);
    for (const side of ['source', 'destination'] as const) await world.on(side, `drop table ${name}`);
  });

  test('a table that had no key for a while, in which its changes named no row, is compared as a whole', async () => {
    const now = await begun();
    await world.on('destination', 'alter table toggle drop constraint toggle_pkey');
    expect((await settled(now)).whole).toContain('public.toggle');
    await world.on('destination', `update toggle set v = 'X' where id = 5`);
    await settled(now);
    await world.on('destination', 'alter table toggle add primary key (id)');
    const { unequal, whole } = await settled(now);
    expect([...unequal, ...whole]).toContain('public.toggle');
    const [row] = await world.on('source', 'select v from toggle where id = 5');
    await world.on('destination', `update toggle set v = '${row?.['v']}' where id = 5`);
  });

  test('small ones are compared by the settling itself, a large one and one that differs are left', async () => {
    const now = await begun();
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
    const { tables, whole } = await settled(now);
    expect(tables).toBe(2);
    expect(whole).toEqual(['public.journal', 'public.large', 'public.other']);
    for (const side of ['source', 'destination'] as const) await world.on(side, 'drop table made, other, large');
  });

  test('a table without a key, and one that is not logged, are left to a comparison', async () => {
    for (const side of ['source', 'destination'] as const) await world.on(side, 'create unlogged table fleeting (id int primary key)');
    const now = await begun();
    expect(now.state.uncovered).toEqual(['public.fleeting', 'public.journal']);
    expect((await settled(now)).whole).toEqual(['public.fleeting', 'public.journal']);
    for (const side of ['source', 'destination'] as const) await world.on(side, 'drop table fleeting');
  });
});

test('who writes to the destination beside the replication is named by the table; the replication is not', async () => {
  const now = await begun();
  await world.on('source', `update account set note = 'replicated' where id = 90001`);
  await proofs.drain();
  await vi.waitFor(async () => {
    await now.round();
    expect(now.state.rechecked).toBeGreaterThan(0);
  });
  expect(now.state.writtenTo).toEqual([]);
  await world.on('destination', `update token set n = n where id = md5('6001')::uuid`);
  await vi.waitFor(async () => {
    await now.round();
    expect(now.state.writtenTo).toEqual(['public.token']);
  });
  // It was written as it was.
  expect((await settled(now)).unequal).toEqual([]);
});

test('settling waits for the end of both feeds', async () => {
  const now = await begun();
  await now.round();
  for (const side of ['source', 'destination'] as const) {
    const { pid } = await slot(side);
    await proofs.drain();
    process.kill(pid, 'SIGSTOP');
    try {
      await world.on(
        'destination',
        `update account set note = 'late ${side}' where id = 90002`,
        `select pg_logical_emit_message(true, 'x', '')`,
      );
      await world.on('source', `select pg_logical_emit_message(true, 'x', '')`);
      await expect(now.settle(AbortSignal.timeout(700))).rejects.toThrow(/timeout/);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect((await settled(now)).unequal).toEqual(['public.account']);
    await world.on('destination', `update account set note = 'a90002' where id = 90002`);
    expect((await settled(now)).unequal).toEqual([]);
  }
});

test('a row that moves all the time does not hold the WAL, one that stays unequal does and is told', async () => {
  const now = await begun();
  await underLoad(world, 300, async () => {
    await now.round();
    const before = await slot('source');
    await vi.waitFor(
      async () => {
        await now.round();
        expect((await slot('source')).confirmed).not.toBe(before.confirmed);
      },
      { timeout: 15_000, interval: 200 },
    );
  });
  const [then] = await world.on('destination', 'select pg_current_wal_insert_lsn()::text as lsn');
  await world.on('destination', `update account set note = 'wrong' where id = 90003`);
  await vi.waitFor(
    async () => {
      await world.on('source', `update account set note = 'x' where id = 90004`);
      await now.round();
      expect(now.state.differing).toEqual(['public.account']);
    },
    { timeout: 30_000, interval: 500 },
  );
  const held = `select confirmed_flush_lsn <= '${then?.['lsn']}' as held from pg_replication_slots where slot_name = 'pgupgrade_proof_test'`;
  expect(await world.on('destination', held)).toEqual([{ held: true }]);
  await world.on('destination', `update account set note = 'a90003' where id = 90003`);
  await vi.waitFor(async () => {
    await now.round();
    expect(now.state.differing).toEqual([]);
  });
});

test('settling breaks off a round that waits for the replication, and tells what it was waiting for', async () => {
  const now = await begun();
  await world.on('destination', `update account set note = 'late' where id = 90005`);
  await now.round();
  // The slot confirms nothing any more, so that whoever asks whether this is late or wrong waits.
  await world.on('destination', `select pglogical.alter_subscription_disable('sub_one', true)`);
  try {
    await vi.waitFor(async () => {
      await now.round();
      expect(now.state.openKeys).toBe(1);
    });
    await world.on('source', `update toggle set v = v where id = 2`);
    let round: Promise<unknown> = Promise.resolve();
    const nextRound = () => {
      round = now.round();
      return Promise.race([round, new Promise((resolve) => setTimeout(() => resolve('waits'), 1_500))]);
    };
    // Once the row has been unequal for long enough.
    await expect.poll(nextRound, { timeout: 30_000, interval: 300 }).toBe('waits');
    for (const side of ['source', 'destination'] as const) await world.on(side, `select pg_logical_emit_message(true, 'x', '')`);
    expect((await now.settle(AbortSignal.timeout(5_000))).unequal).toContain('public.account');
    // The round has ended without an error: nobody takes the proof for broken.
    await round;
  } finally {
    await world.on(
      'destination',
      `select pglogical.alter_subscription_enable('sub_one', true)`,
      `update account set note = 'a90005' where id = 90005`,
    );
  }
});

test('more rows than anybody wants to hold become their table, which is proved again', async () => {
  const now = await begun();
  await world.on('source', 'update account set note = note');
  const [then] = await world.on('source', 'select pg_current_wal_insert_lsn()::text as lsn');
  await proofs.drain();
  const passed = `select confirmed_flush_lsn >= '${then?.['lsn']}' as passed from pg_replication_slots where slot_name = 'pgupgrade_proof_test'`;
  await vi.waitFor(
    async () => {
      await now.round();
      expect(now.state).toMatchObject({ openKeys: 0, whole: [] });
      expect(await world.on('source', passed)).toEqual([{ passed: true }]);
    },
    { timeout: 60_000, interval: 300 },
  );
  expect((await settled(now)).unequal).toEqual([]);
});

test('a slot that is gone ends the proof: nothing is said to be proved', async () => {
  const now = await begun();
  await proofs.drop();
  await vi.waitFor(() => expect(now.round()).rejects.toThrow());
  await expect(now.settle(AbortSignal.timeout(2_000))).rejects.toThrow(/change feed|connection|terminat/i);
});

test('a database whose changes would be misread has no proof, and says why', async () => {
  await world.on('source', `create database latin template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'`);
  await world.on('destination', 'create database latin');
  await expect(proofs.coverage('latin')).rejects.toThrow(
    'Database latin of the source is encoded in LATIN1; change feeds are read in UTF8 only.',
  );
});

test('any names and types of keys are read as they are', async () => {
  const table = `create table "Odd ""t.ä" ("K[1]" text, "select" numeric, at timestamptz, list text[], "B" bit(3), "odd]:" "Mood[]", big bytea,
    primary key ("K[1]", "select", at, list, "B", "odd]:"))`;
  for (const side of ['source', 'destination'] as const) await world.on(side, `create type "Mood[]" as enum ('it''s', 'b, c')`, table);
  const row = (n: number) =>
    `('it''s new-tuple: ${n}', 1.50, '2024-02-29 12:00+02', array['a,b', 'c"d', null], B'101', 'it''s', repeat('x', 5000)::bytea)`;
  for (const side of ['source', 'destination'] as const) await world.on(side, `insert into "Odd ""t.ä" values ${row(1)}, ${row(2)}`);
  const now = await begun();
  await world.on('destination', `update "Odd ""t.ä" set at = at + interval '1 second' where "K[1]" like '%1'`);
  await world.on('source', `update "Odd ""t.ä" set big = 'y' where "K[1]" like '%2'`);
  await proofs.drain();
  await vi.waitFor(async () => {
    await now.round();
    // The old key, the new one, and that of the other row.
    expect(now.state.openKeys).toBe(3);
  });
  expect((await settled(now)).unequal).toEqual([`public."Odd ""t.ä"`]);
  for (const side of ['source', 'destination'] as const) await world.on(side, `drop table "Odd ""t.ä"`, 'drop type "Mood[]"');
});
