import type { Check } from './finding.ts';

/** What concerns the whole instance; run once, in any database. */
export const serverChecks: readonly Check[] = [
  {
    code: 'server.in-recovery',
    severity: 'blocks',
    query: `select 'server' as object, '' as detail where pg_is_in_recovery()`,
    message: () => 'The source is a read replica; a migration starts at a primary.',
    remedy: 'Name the primary instance in the service file.',
  },
  {
    code: 'transaction.prepared',
    severity: 'blocks',
    query: `select gid as object, format('%s, database %s, since %s', owner, database, to_char(prepared at time zone 'utc', 'YYYY-MM-DD HH24:MI')) as detail from pg_prepared_xacts`,
    message: ({ object, detail }) =>
      `Prepared transaction ${object} (${detail} UTC) is open; no slot can be made and no write stop proved until it ends.`,
    remedy: 'COMMIT PREPARED or ROLLBACK PREPARED it.',
  },
  {
    code: 'transaction.long',
    severity: 'note',
    query: `select coalesce(usename, '?') || ', pid ' || pid as object, date_trunc('second', now() - xact_start)::text as detail from pg_stat_activity
       where xact_start < now() - interval '10 minutes' and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    message: ({ object, detail }) =>
      `A transaction of ${object} is open for ${detail}; the slots of the migration wait for it, and so does each change of a table.`,
    remedy: 'End it before the migration job is started.',
  },
  {
    code: 'slot.foreign-pglogical',
    severity: 'blocks',
    query: `select slot_name::text as object, coalesce(database, '')::text as detail from pg_replication_slots where plugin = 'pglogical_output' and not temporary`,
    message: ({ object, detail }) =>
      `Slot ${object} (database ${detail}) belongs to another pglogical replication; it could not be told from the migration job's own.`,
    remedy: 'If its job is gone: select pg_drop_replication_slot(…). Otherwise finish that replication first.',
  },
  {
    code: 'slot.foreign',
    severity: 'note',
    query: `select slot_name::text as object, coalesce(plugin::text, 'physical') as detail from pg_replication_slots
       where plugin is distinct from 'pglogical_output' and not temporary and slot_name !~ '^pgupgrade_'`,
    message: ({ object, detail }) => `Slot ${object} (${detail}) has a reader that does not follow to the destination.`,
    remedy: 'Tell its owner: it needs a new slot and a new snapshot on the destination.',
  },
  {
    code: 'replica.physical',
    severity: 'note',
    query: `select coalesce(nullif(application_name, ''), client_addr::text, pid::text) as object, state as detail from pg_stat_replication r
       where not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')`,
    message: ({ object }) => `${object} is a read replica of the source; it does not follow to the destination.`,
    remedy: 'Create read replicas of the destination after the switch.',
  },
  {
    code: 'database.encoding',
    severity: 'note',
    query: `select datname as object, format('%s, %s', pg_encoding_to_char(encoding), datcollate) as detail from pg_database
       where datallowconn and not datistemplate and datname <> 'cloudsqladmin' and (pg_encoding_to_char(encoding) <> 'UTF8' or datcollate <> datctype)`,
    message: ({ object, detail }) => `Database ${object} has encoding and collation ${detail}, not the destination's default.`,
    remedy: 'See that the destination database has the same before the migration job is started.',
  },
  {
    code: 'database.encoding-unsafe',
    severity: 'blocks',
    query: `select datname as object, '' as detail from pg_database
       where datallowconn and not datistemplate and datname <> 'cloudsqladmin' and pg_encoding_to_char(encoding) = 'SQL_ASCII'`,
    message: ({ object }) => `Database ${object} has encoding SQL_ASCII; its bytes may be no valid text on the destination.`,
    remedy: 'Convert the database to UTF8 first.',
  },
  {
    code: 'wal.no-limit',
    severity: 'note',
    query: `select 'max_slot_wal_keep_size' as object, '' as detail where current_setting('max_slot_wal_keep_size') = '-1'`,
    message: () => 'max_slot_wal_keep_size is unlimited: a stopped migration keeps WAL until the disk is full.',
    remedy: 'enable-replication-flags sets it where Cloud SQL offers the flag; the retained WAL is watched in any case.',
  },
];
