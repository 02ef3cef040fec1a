import { Client } from 'pg';
import type { Side } from '../../src/postgres/types.ts';
import { withPairs } from '../../src/validator/pairs.ts';
import { type Coverage, coverageOf, type Prints } from '../../src/validator/proof/covered.ts';
import { DatabaseProof, type ProofRequest, type Settled } from '../../src/validator/proof/database-proof.ts';
import type { ClusterWorld } from './validator-world.ts';

const slots = { feed: 'pgupgrade_proof_test', local: 'pgupgrade_local_test' };

/** A proof between the two servers of a moving world. */
export function proofIn(world: ClusterWorld) {
  const connect = (side: Side, more: object) => async (database: string, applicationName: string) => {
    const client = new Client({ ...world.admin[side], database, application_name: applicationName, ...more });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const factories = { source: { open: connect('source', {}) }, destination: { open: connect('destination', {}) } };
  const replication = { replication: 'database', options: '-c timezone=UTC -c datestyle=ISO -c search_path=pg_catalog' };
  const feeds = { source: { open: connect('source', replication) }, destination: { open: connect('destination', replication) } };
  const request = (prints: Prints): ProofRequest => ({
    factories,
    feeds,
    database: 'inapp',
    slots,
    flow: { from: 'source' },
    prints,
    throttle: 100,
  });
  const drop = async () => {
    for (const side of ['source', 'destination'] as const)
      await world.on(
        side,
        `select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name ~ '^pgupgrade' and active`,
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name ~ '^pgupgrade'`,
      );
  };
  let opened: DatabaseProof | undefined;
  return {
    drop,
    /** Makes the slots: from here on changes are told. */
    async begin(): Promise<Prints> {
      await drop();
      for (const [side, names] of [
        ['source', [slots.feed]],
        ['destination', [slots.feed, slots.local]],
      ] as const)
        for (const name of names) await world.on(side, `select pg_create_logical_replication_slot('${name}', 'test_decoding')`);
      return (await this.coverage()).prints;
    },
    coverage(database = 'inapp'): Promise<Coverage> {
      return withPairs(factories, database, 1, new AbortController().signal, async ([pair]) => coverageOf(pair as never));
    },
    async open(prints: Prints): Promise<DatabaseProof> {
      opened = await DatabaseProof.open(request(prints));
      return opened;
    },
    /** One of three tables that were seen equal after its slots were made. */
    async begun(): Promise<DatabaseProof> {
      const prints = await this.begin();
      const tables = ['public.account', 'public.toggle', 'public.token'];
      const verdict = await world.compare({ live: true, sequences: false, parts: 'rows', tables });
      if (!verdict.equal) throw new Error('the tables are not equal to begin with');
      return this.open(prints);
    },
    async settled(proof: DatabaseProof): Promise<Settled> {
      await this.drain();
      return proof.settle(new AbortController().signal);
    },
    /** What a test left open. */
    async end(): Promise<void> {
      await opened?.close();
      opened = undefined;
      await drop();
    },
    /** A commit on both servers, so that their WAL is flushed, once the destination has everything. */
    async drain(): Promise<void> {
      await world.on('source', `select pg_logical_emit_message(true, 'pgupgrade', '')`);
      const [row] = await world.on('source', 'select pg_current_wal_flush_lsn()::text as lsn');
      for (;;) {
        const behind = await world.on(
          'source',
          `select pg_logical_emit_message(true, 'pgupgrade', '') from pg_replication_slots where plugin = 'pglogical_output' and confirmed_flush_lsn < '${row?.['lsn']}'`,
        );
        if (behind.length === 0) break;
      }
      await world.on('destination', `select pg_logical_emit_message(true, 'pgupgrade', '')`);
    },
  };
}
