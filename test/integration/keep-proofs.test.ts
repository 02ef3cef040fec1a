import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import { targetOf } from '../../src/config/target.ts';
import type { RunHeader } from '../../src/engine/facts.ts';
import type { Begun } from '../../src/engine/proof.ts';
import type { Secrets } from '../../src/gcp/types.ts';
import { createProofKeeper } from '../../src/keep-proofs.ts';
import type { OpenClients, OpenedClients } from '../../src/open-clients.ts';
import { drain } from '../../src/postgres/drain.ts';
import type { Side } from '../../src/postgres/types.ts';
import { beginProof, endProof, settleProof } from '../../src/validator/run-proof.ts';
import { replicationConnections, warmConnections } from '../../src/warm-connections.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { subscribe } from '../support/pglogical.ts';

const header = { run: 'PG-1', uid: 'abcd1234', service: 'inapp', environment: 'staging', from: 15, to: 17 } as RunHeader;
let pair: Pair;
let open: OpenClients;
let maxRetainedWal = 1e10;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  pair = await openPair();
  await subscribe(pair);
  // On Cloud SQL the bot's user is made a member of the owners before.
  await pair.admin('source', 'inapp', `grant "${application}" to postgres`);
  await pair.admin('destination', 'inapp', `grant "${application}" to postgres with inherit true, set true`);
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  const target = targetOf(service, 'staging');
  const addresses = async (side: Side) => ({ host: pair[side].host, port: pair[side].port, caCertificate: pair[side].serverCa });
  const secrets: Partial<Secrets> = {
    latest: async (name) => passwords[name === target.secrets['migration'] ? 'migration' : 'wayback'],
  };
  open = (() => {
    const postgres = pair.bot('proof');
    const own = (side: Side) => warmConnections(side, addresses, async () => passwords.postgres);
    const [source, destination] = [own('source'), own('destination')];
    const feed = (side: Side, user: 'migration' | 'wayback') =>
      replicationConnections(side, addresses, { user, password: async () => passwords[user] });
    const opened: Partial<OpenedClients> = {
      clients: {
        target: {
          ...target,
          databases: { inapp: target.databases['inapp'] ?? { schemas: [], owner: '' } },
          validation: { ...target.validation, proof: { maxRetainedWal, throttle: 100 } },
        },
        postgres,
        secrets: secrets as Secrets,
      } as unknown as OpenedClients['clients'],
      proofConnections: {
        factories: { source, destination },
        feeds: { source: feed('source', 'migration'), destination: feed('destination', 'wayback') },
      },
      close: async () => {
        await Promise.all([source.close(), destination.close()]);
      },
    };
    return opened as OpenedClients;
  }) as OpenClients;
}, 120_000);
afterAll(async () => {
  for (const close of closers) await close();
  await pair?.close();
});

/** A process that keeps proofs, and what its steps see. */
function process() {
  const keeper = createProofKeeper(open);
  const opened = open(header, {} as never);
  closers.push(() => keeper.keepOnly(new Set()));
  return { keeper, clients: { ...opened.clients, proof: keeper.of(header, opened) } };
}
function ledger() {
  const records = new Map<string, unknown>();
  return {
    uid: header.uid,
    leg: 'upgrade',
    signal: new AbortController().signal,
    record: async (key: string, value: unknown) => void records.set(key, value),
    recall: <T>(key: string) => records.get(key) as T | undefined,
  };
}
const begunOf = (run: ReturnType<typeof ledger>): Begun => {
  const record = run.recall<{ readonly since: number; readonly prints?: Begun['prints'] }>('proof');
  if (!record?.prints) throw new Error(JSON.stringify(record));
  return { header, leg: 'upgrade', step: 'validate-live', since: record.since, prints: record.prints, kept: undefined };
};
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
    maxRetainedWal = 1;
    await one.keeper.keepOnly(new Set());
    await write(`insert into campaign (customer_id, name) select 1, repeat('x', 100) from generate_series(1, 1000)`);
    expect(await one.keeper.keep(begun, true)).toMatchObject({
      lost: expect.stringMatching(/^its slots kept .* of WAL on the \w+, more than validation.proof.maxRetainedWal/),
    });
    maxRetainedWal = 1e10;
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

async function slotsLeft(): Promise<unknown[]> {
  const of = (side: Side) => pair.admin(side, 'postgres', `select slot_name from pg_replication_slots where slot_name ~ '^pgupgrade'`);
  return [...(await of('source')), ...(await of('destination'))];
}
