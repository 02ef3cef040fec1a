import type { Client } from 'pg';
import { existingData } from './dms-demote.ts';
import { ActionFailed, type Finding, findingDetails } from './dms-operations.ts';
import { type Ends, endsOf, jobId, onSource, sourceDatabases } from './dms-source.ts';
import { asAdmin } from './postgres.ts';
import type { Google, JobState } from './state.ts';

/** Subscriptions a database under MAX; one otherwise. */
export function subscriptionsPerDatabase(job: JobState): number {
  return job.shown.performanceConfig?.dumpParallelLevel === 'MAX' ? 2 : 1;
}

const warnings = new Set(['TABLES_WITH_LIMITED_SUPPORT', 'SOURCE_MAX_SUBSCRIPTIONS']);

/**
 * The job's own test, done on the real source as the profile's user and on the real destination. Answers the warnings;
 * errors are thrown with the codes of MigrationJobVerificationError.
 */
export async function verify(google: Google, job: JobState): Promise<readonly Finding[]> {
  const ends = endsOf(google, job);
  const findings: Finding[] = [];
  const add = (errorCode: string, errorMessage: string) => findings.push({ errorCode, errorMessage });
  const databases = await sourceDatabases(ends).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    add(/^28/.test(code) ? 'AUTHENTICATION_FAILURE' : 'CONNECTION_FAILURE', error instanceof Error ? error.message : String(error));
    return [];
  });
  if (databases.length > 0) {
    await verifyServers(ends, job, databases.length, add);
    for (const database of databases)
      await onSource(ends, database, (client) => verifyDatabase(client, job, database, add)).catch((error: unknown) =>
        add('ERROR_RDBMS', `Database ${database}: ${error instanceof Error ? error.message : String(error)}`),
      );
  }
  const filled = await existingData(ends.destination);
  if (filled.length > 0 && job.databases.length === 0)
    add(
      'EXISTING_DATA',
      `The destination instance contains existing data or user defined entities: ${filled.join(', ')}. You can only migrate to empty instances.`,
    );
  if (findings.some((finding) => !warnings.has(finding.errorCode)))
    throw new ActionFailed(`The migration job ${job.name} failed verification.`, { details: findingDetails(findings) });
  return findings;
}

type Add = (errorCode: string, errorMessage: string) => void;

async function verifyServers(ends: Ends, job: JobState, databases: number, add: Add): Promise<void> {
  const settings = (client: Client) =>
    client.query(`select current_setting('server_version_num')::int / 10000 as version, current_setting('wal_level') as wal_level,
      current_setting('max_replication_slots')::int as slots, current_setting('max_wal_senders')::int as senders,
      current_setting('max_worker_processes')::int as workers, (select count(*)::int from pg_replication_slots) as used`);
  const [source] = (await onSource(ends, 'postgres', settings)).rows;
  const destination = await asAdmin(ends.destination, 'postgres', async (client) => ({
    ...(await settings(client)).rows[0],
    libraries: String((await client.query('show shared_preload_libraries')).rows[0]?.shared_preload_libraries),
  }));
  const wanted = databases * subscriptionsPerDatabase(job);
  if (source.version > destination.version)
    add('VERSION_INCOMPATIBILITY', `The source is ${source.version}, the destination ${destination.version}.`);
  if (source.wal_level !== 'logical') add('INVALID_WAL_LEVEL', `wal_level is ${source.wal_level}, it must be logical.`);
  if (!destination.libraries.includes('pglogical'))
    add('INVALID_SHARED_PRELOAD_LIBRARY', 'pglogical is not in shared_preload_libraries of the destination (cloudsql.enable_pglogical).');
  const few = (code: string, name: string, has: number, needs: number) => {
    if (has < needs) add(code, `${name} leaves ${has} for this job, it needs at least ${needs}.`);
  };
  const own = job.databases.length > 0 ? wanted : 0;
  few('INSUFFICIENT_MAX_REPLICATION_SLOTS', 'max_replication_slots of the source', source.slots - source.used + own, wanted);
  few('INSUFFICIENT_MAX_WAL_SENDERS', 'max_wal_senders of the source', source.senders - source.used + own, wanted);
  few('INSUFFICIENT_MAX_WORKER_PROCESSES', 'max_worker_processes of the destination', destination.workers, databases + 2 * wanted);
  few('INSUFFICIENT_MAX_REPLICATION_SLOTS', 'max_replication_slots of the destination', destination.slots, wanted);
}

const tables = `from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname not in ('pg_catalog', 'information_schema', 'pglogical')
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

async function verifyDatabase(client: Client, job: JobState, database: string, add: Add): Promise<void> {
  const names = async (query: string, values: readonly unknown[] = []) =>
    (await client.query(query, [...values])).rows.map((row) => String(Object.values(row)[0]));
  const list = async (errorCode: string, message: string, query: string) => {
    const found = await names(query);
    if (found.length > 0) add(errorCode, `Database ${database}: ${message}: ${found.join(', ')}.`);
  };
  const [installed] = await names(`select extversion from pg_extension where extname = 'pglogical'`);
  if (installed === undefined) {
    add('NO_PGLOGICAL_INSTALLED', `pglogical is not installed in database ${database}.`);
    return;
  }
  const foreign = (await names('select node_name from pglogical.node')).filter((name) => name !== `${jobId(job)}_source`);
  if (foreign.length > 0) add('PGLOGICAL_NODE_ALREADY_EXISTS', `Database ${database} has the pglogical node ${foreign.join(', ')}.`);
  await list('ERROR_RDBMS', 'permission denied for table', `select c.oid::regclass ${tables} and not has_table_privilege(c.oid, 'select')`);
  await list(
    'ERROR_RDBMS',
    'permission denied for sequence',
    `select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname not in ('pglogical', 'pg_catalog') and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'select') end`,
  );
  await list(
    'UNSUPPORTED_TABLE_DEFINITION',
    'replica identity FULL or NOTHING',
    `select c.oid::regclass ${tables} and c.relreplident in ('f', 'n')`,
  );
  await list(
    'UNSUPPORTED_TABLE_DEFINITION',
    'generated columns',
    `select c.oid::regclass || '.' || a.attname ${tables.replace('where', 'join pg_attribute a on a.attrelid = c.oid where')} and a.attgenerated <> ''`,
  );
  await list(
    'UNSUPPORTED_EXTENSIONS',
    'extensions that are not migrated',
    `select extname from pg_extension where extname in ('pgaudit', 'pg_cron')`,
  );
  await list(
    'TABLES_WITH_LIMITED_SUPPORT',
    'tables without a primary key',
    `select c.oid::regclass ${tables} and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`,
  );
}
