import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { proofIn } from '../support/proof-world.ts';
import { openMovingWorld, underLoad } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
let proofs: ReturnType<typeof proofIn>;

beforeAll(async () => {
  world = await openMovingWorld();
  proofs = proofIn(world);
});
afterEach(() => proofs?.end());
afterAll(() => world?.close());

const slot = async (side: 'source' | 'destination') => {
  const [row] = await world.on(
    side,
    `select active_pid as pid, confirmed_flush_lsn::text as confirmed from pg_replication_slots where slot_name = 'pgupgrade_proof_test'`,
  );
  return { pid: Number(row?.['pid']), confirmed: String(row?.['confirmed']) };
};

test('who writes to the destination beside the replication is named by the table; the replication is not', async () => {
  const now = await proofs.begun();
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
  expect((await proofs.settled(now)).unequal).toEqual([]);
});

test('settling waits for the end of both feeds', async () => {
  const now = await proofs.begun();
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
    expect((await proofs.settled(now)).unequal).toEqual(['public.account']);
    await world.on('destination', `update account set note = 'a90002' where id = 90002`);
    expect((await proofs.settled(now)).unequal).toEqual([]);
  }
});

test('a row that moves all the time does not hold the WAL, one that stays unequal does and is told', async () => {
  const now = await proofs.begun();
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
  const now = await proofs.begun();
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
  const now = await proofs.begun();
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
  expect((await proofs.settled(now)).unequal).toEqual([]);
});

test('a slot that is gone ends the proof: nothing is said to be proved', async () => {
  const now = await proofs.begun();
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
  const now = await proofs.begun();
  await world.on('destination', `update "Odd ""t.ä" set at = at + interval '1 second' where "K[1]" like '%1'`);
  await world.on('source', `update "Odd ""t.ä" set big = 'y' where "K[1]" like '%2'`);
  await proofs.drain();
  await vi.waitFor(async () => {
    await now.round();
    // The old key, the new one, and that of the other row.
    expect(now.state.openKeys).toBe(3);
  });
  expect((await proofs.settled(now)).unequal).toEqual([`public."Odd ""t.ä"`]);
  for (const side of ['source', 'destination'] as const) await world.on(side, `drop table "Odd ""t.ä"`, 'drop type "Mood[]"');
});
