import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { drain } from '../../src/postgres/drain.ts';
import type { Side } from '../../src/postgres/types.ts';
import { beginProof, endProof, settleProof } from '../../src/validator/run-proof.ts';
import { openPair, type Pair } from '../support/cutover-pair.ts';
import { subscribe } from '../support/pglogical.ts';
import { begunOf, proofLedger as ledger, proofKeepers } from '../support/proof-keepers.ts';
import { openTendingWorld } from '../support/tending-world.ts';

const limits = { maxRetainedWal: 1e10 };
let pair: Pair;
let keepers: Awaited<ReturnType<typeof proofKeepers>>;
const process = () => keepers.process();

beforeAll(async () => {
  pair = await openPair();
  await subscribe(pair);
  keepers = await proofKeepers(pair, limits);
}, 120_000);
afterAll(async () => {
  await keepers?.close();
  await pair?.close();
});

const caughtUp = async () => {
  const [row] = await pair.admin('source', 'inapp', 'select pg_current_wal_insert_lsn()::text as lsn');
  await drain(pair.bot('drain'), { lsn: String(row?.['lsn']), deadlineAt: undefined, signal: new AbortController().signal });
};
const write = (text: string, side: Side = 'source') => pair.admin(side, 'inapp', text);

describe('a proof between processes', () => {
  test('one keeps it, the other leaves it alone; a step takes it to its own process, and the first does not grab it back', async () => {
    const [first, second, run] = [process(), process(), ledger()];
    await beginProof(first.clients, run);
    const begun = begunOf(run);
    expect(await first.keeper.keep(begun, true)).toMatchObject({ differing: [], problems: [] });
    expect(await second.keeper.keep(begun, true)).toBeUndefined();
    await write(`update campaign set name = 'moved' where id = 1`);
    await caughtUp();
    expect(await settleProof(second.clients, run)).toMatchObject({ keys: 1, compare: { inapp: [] } });
    // Its own feed was ended by the other: it finds out, and in a write stop it does not begin anew.
    await expect(first.keeper.keep(begun, false)).rejects.toThrow();
    expect(await first.keeper.keep(begun, false)).toBeUndefined();
    expect(await second.keeper.keep(begun, false)).toMatchObject({ differing: [] });
    await endProof(second.clients, run, 'the test ends');
    expect(await slotsLeft()).toEqual([]);
  });

  test('a process that dies loses nothing: what it had read and not proved is named to the next one', async () => {
    const [first, second, run] = [process(), process(), ledger()];
    await beginProof(first.clients, run);
    const begun = begunOf(run);
    await first.keeper.keep(begun, true);
    await write(`update campaign set name = 'wrong' where id = 2`, 'destination');
    await vi.waitFor(async () => expect((await first.keeper.keep(begun, true))?.text).toMatch(/but 1 open row/));
    // As the server sees a kill -9: the sessions are gone.
    await pair.admin(
      'source',
      'postgres',
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgupgrade-proof'`,
    );
    await pair.admin(
      'destination',
      'postgres',
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgupgrade-proof'`,
    );
    await caughtUp();
    expect(await settleProof(second.clients, run)).toMatchObject({ compare: { inapp: ['public.campaign'] } });
    await write(`update campaign set name = 'c2' where id = 2`, 'destination');
    await endProof(second.clients, run, 'the test ends');
    await first.keeper.keepOnly(new Set());
  });

  test('slots that somebody drops: the proof is lost and says so, and every row has to be compared', async () => {
    const [one, run] = [process(), ledger()];
    await beginProof(one.clients, run);
    const begun = begunOf(run);
    await one.keeper.keep(begun, true);
    await one.keeper.keepOnly(new Set());
    await write(`select pg_drop_replication_slot('pgupgrade_proof_abcd1234')`, 'destination');
    expect(await one.keeper.keep(begun, true)).toMatchObject({ lost: 'the destination has no slot pgupgrade_proof_abcd1234 any more' });
    expect(await settleProof(one.clients, run)).toMatch(/does not exist/);
    await endProof(one.clients, run, 'the test ends');
  });

  test('beyond its limit of WAL it gives up its own slots, and those of the migration stay', async () => {
    const [one, run] = [process(), ledger()];
    await beginProof(one.clients, run);
    const begun = begunOf(run);
    limits.maxRetainedWal = 1;
    await one.keeper.keepOnly(new Set());
    await write(`insert into campaign (customer_id, name) select 1, repeat('x', 100) from generate_series(1, 1000)`);
    expect(await one.keeper.keep(begun, true)).toMatchObject({
      lost: expect.stringMatching(/^its slots kept .* of WAL on the \w+, more than validation.proof.maxRetainedWal/),
    });
    limits.maxRetainedWal = 1e10;
    expect(await slotsLeft()).toEqual([]);
    expect(await pair.admin('source', 'postgres', `select from pg_replication_slots where plugin = 'pglogical_output'`)).toHaveLength(2);
  });

  test('where slots cannot be had the run goes on without, and says why', async () => {
    const [one, run] = [process(), ledger()];
    const client = new Client({ ...pair.source.admin, database: 'inapp' });
    await client.connect();
    try {
      await pair.admin('source', 'postgres', 'alter role migration noreplication; alter role migration connection limit 0');
      await beginProof(one.clients, run);
      expect(run.recall('proof')).toMatchObject({ none: expect.stringMatching(/too many connections for role/) });
      expect(await settleProof(one.clients, run)).toMatch(/too many connections for role/);
    } finally {
      await pair.admin('source', 'postgres', 'alter role migration connection limit -1');
      await client.end();
    }
    expect(await slotsLeft()).toEqual([]);
  });
});

test('on the way back changes flow the other way: the new instance is watched for them, the old one for who else writes', async () => {
  const world = await openTendingWorld(
    `create table note (id int primary key, text text); insert into note select g, 'n' || g from generate_series(1, 100) g`,
  );
  const others = await proofKeepers(world.pair, { maxRetainedWal: 1e10 });
  try {
    const one = others.process();
    const run = ledger('rollback');
    await beginProof(one.clients, run);
    expect(await slotsLeft(world.pair, 'local')).toEqual([{ slot_name: 'pgupgrade_local_abcd1234', side: 'source' }]);
    const begun = begunOf(run);
    expect(await one.keeper.keep(begun, true)).toMatchObject({ problems: [] });
    await world.onNew(`update note set text = 'moved' where id <= 3`);
    await expect.poll(() => world.sum('source', 'note'), { timeout: 10_000 }).toEqual(await world.sum('destination', 'note'));
    expect(await settleProof(one.clients, run)).toMatchObject({
      keys: expect.toSatisfy((keys: number) => keys >= 3),
      compare: { inapp: [] },
    });
    await world.pair.admin('source', 'inapp', `update note set text = 'written behind its back' where id = 50`);
    await vi.waitFor(async () =>
      expect((await one.keeper.keep(begun, true))?.problems).toEqual([
        expect.stringMatching(/^somebody else than the replication wrote to public.note/),
      ]),
    );
    expect(await settleProof(one.clients, run)).toMatchObject({ compare: { inapp: ['public.note'] } });
    await endProof(one.clients, run, 'the test ends');
    expect(await slotsLeft(world.pair, 'proof')).toEqual([]);
  } finally {
    await others.close();
    await world.pair.close();
  }
}, 120_000);

async function slotsLeft(of = pair, kind = '(proof|local)'): Promise<unknown[]> {
  const on = async (side: Side) =>
    (await of.admin(side, 'postgres', `select slot_name from pg_replication_slots where slot_name ~ '^pgupgrade_${kind}_'`)).map((row) => ({
      ...row,
      side,
    }));
  return [...(await on('source')), ...(await on('destination'))];
}
