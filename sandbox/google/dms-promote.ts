import { setTimeout as pause } from 'node:timers/promises';
import { type Client, escapeIdentifier } from 'pg';
import { externalSync } from './dms-demote.ts';
import { connectToSource, type Ends, endsOf, jobId } from './dms-source.ts';
import { asAdmin } from './postgres.ts';
import type { Google, JobState } from './state.ts';

interface SequenceValue {
  readonly schema: string;
  readonly name: string;
  readonly last: string | null;
  readonly start: string;
}

/**
 * Reconnects to the source as the profile's user (and fails if it may not), writes the sequences' values, drops the
 * subscriptions with their slots on the source and the node. Objects stay owned by `cloudsqlexternalsync`, the source
 * keeps its node and replication sets, the source representation instance stays behind.
 */
export async function promote(google: Google, job: JobState): Promise<void> {
  const ends = endsOf(google, job);
  const sources = new Map<string, Client>();
  try {
    // All of the source is read before anything is changed: a source that cannot be reached fails the promotion whole.
    const read = await Promise.allSettled(
      job.databases.map(async (database) => {
        const source = await connectToSource(ends, database);
        sources.set(database, source);
        return { database, source, sequences: await sequencesOf(source) };
      }),
    );
    const failed = read.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    await Promise.all(
      read.map(async (result) => {
        if (result.status === 'fulfilled') await promoteDatabase(ends, job, result.value);
      }),
    );
  } finally {
    for (const source of sources.values()) google.background(source.end().catch(() => undefined));
  }
  job.subscriptions.clear();
  ends.instance.instanceType = 'CLOUD_SQL_INSTANCE';
  delete ends.instance.masterInstanceName;
  job.promoted = true;
}

async function sequencesOf(source: Client): Promise<readonly SequenceValue[]> {
  const found = await source.query(
    `select schemaname as schema, sequencename as name, last_value::text as last, start_value::text as start
     from pg_sequences where schemaname <> 'pglogical'`,
  );
  return found.rows;
}

async function promoteDatabase(
  ends: Ends,
  job: JobState,
  { database, source, sequences }: { readonly database: string; readonly source: Client; readonly sequences: readonly SequenceValue[] },
): Promise<void> {
  await asAdmin(ends.destination, database, async (client) => {
    for (const { schema, name, last, start } of sequences)
      await client.query('select setval($1::text::regclass, $2::text::bigint, $3)', [
        `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`,
        last ?? start,
        last !== null,
      ]);
    await dropSubscriptions(source, client, job.subscriptions.get(database) ?? []);
    await client.query('select pglogical.drop_node($1, true)', [`${jobId(job)}_destination`]);
  });
}

/**
 * What `pglogical.drop_subscription` does (2.4: its rows, its slot on the source, its origin; a slot that cannot be dropped
 * stays behind), for all at once and with the session that is there: for each it makes a new connection to the source and,
 * where it finds the worker alive, looks for its end once a second.
 */
async function dropSubscriptions(source: Client, client: Client, subscriptions: readonly string[]): Promise<void> {
  for (const one of subscriptions) await client.query('select pglogical.alter_subscription_disable($1, true)', [one]);
  const slots = await client.query('select sub_slot_name::text as slot from pglogical.subscription where sub_name = any ($1)', [
    subscriptions,
  ]);
  const names = slots.rows.map((row) => String(row.slot));
  const until = Date.now() + 10_000;
  while (Date.now() < until) {
    const reading = await source.query('select from pg_replication_slots where slot_name = any ($1) and active', [names]);
    if (reading.rowCount === 0) break;
    await pause(10);
  }
  await source
    .query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = any ($1)', [names])
    .catch(() => undefined);
  await client.query(
    `with gone as (delete from pglogical.subscription where sub_name = any ($1) returning sub_id, sub_slot_name),
          state as (delete from pglogical.local_sync_status where sync_subid in (select sub_id from gone))
     select pg_replication_origin_drop(roname) from pg_replication_origin where roname in (select sub_slot_name::text from gone)`,
    [subscriptions],
  );
}

/** Enables or disables every subscription; disabled slots stay on the source and hold its WAL. */
export async function setReplicating(google: Google, job: JobState, on: boolean): Promise<void> {
  const { destination } = endsOf(google, job);
  for (const [database, subscriptions] of job.subscriptions)
    await asAdmin(destination, database, async (client) => {
      for (const one of subscriptions)
        await client.query(`select pglogical.alter_subscription_${on ? 'enable' : 'disable'}($1, true)`, [one]);
    });
}

/**
 * What a restart does first: subscriptions and copied objects are removed from the destination. The databases stay:
 * DROP DATABASE waits for ever for pglogical's workers, which do not answer its barrier (15 and newer).
 */
export async function resetDestination(google: Google, job: JobState): Promise<void> {
  const { destination } = endsOf(google, job);
  for (const database of job.databases)
    await asAdmin(destination, database, async (client) => {
      for (const one of job.subscriptions.get(database) ?? []) await client.query('select pglogical.drop_subscription($1, true)', [one]);
      // A restart that failed may have left the database without it.
      const known = await client.query(`select from pg_extension where extname = 'pglogical'`);
      if (known.rowCount !== 0) await client.query('select pglogical.drop_node(node_name, true) from pglogical.node');
      await client.query(`drop owned by ${escapeIdentifier(externalSync)} cascade`);
    });
  job.subscriptions = new Map();
}
