import { escapeIdentifier } from 'pg';
import { externalSync } from './dms-demote.ts';
import { endsOf, jobId, onSource } from './dms-source.ts';
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
  const sequences = new Map<string, readonly SequenceValue[]>();
  for (const database of job.databases)
    sequences.set(
      database,
      await onSource(ends, database, async (client) => {
        const found = await client.query(
          `select schemaname as schema, sequencename as name, last_value::text as last, start_value::text as start
           from pg_sequences where schemaname <> 'pglogical'`,
        );
        return found.rows as SequenceValue[];
      }),
    );
  await Promise.all(
    job.databases.map(async (database) => {
      await asAdmin(ends.destination, database, async (client) => {
        for (const { schema, name, last, start } of sequences.get(database) ?? [])
          await client.query('select setval($1::text::regclass, $2::text::bigint, $3)', [
            `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`,
            last ?? start,
            last !== null,
          ]);
      });
      // Each drop waits for its worker's end: a second, whatever there is to do. They do not wait for each other.
      await Promise.all(
        (job.subscriptions.get(database) ?? []).map((subscription) =>
          asAdmin(ends.destination, database, (client) => client.query('select pglogical.drop_subscription($1, true)', [subscription])),
        ),
      );
      await asAdmin(ends.destination, database, (client) =>
        client.query('select pglogical.drop_node($1, true)', [`${jobId(job)}_destination`]),
      );
    }),
  );
  job.subscriptions.clear();
  ends.instance.instanceType = 'CLOUD_SQL_INSTANCE';
  delete ends.instance.masterInstanceName;
  job.promoted = true;
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
      await client.query('select pglogical.drop_node(node_name, true) from pglogical.node');
      await client.query(`drop owned by ${escapeIdentifier(externalSync)} cascade`);
    });
  job.subscriptions = new Map();
}
