import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import { invalid } from './fault.ts';
import { type Handlers, handler, type Settings } from './state.ts';

type Flag = sqladmin_v1.Schema$Flag;
interface Entry {
  readonly type: 'BOOLEAN' | 'INTEGER' | 'FLOAT' | 'STRING';
  readonly restart?: true;
  readonly range?: readonly [number, number];
  readonly values?: readonly string[];
  /** Major versions that have it; all where nothing is said. */
  readonly from?: number;
  readonly to?: number;
}

const on = (restart?: true): Entry => ({ type: 'BOOLEAN', ...(restart ? { restart } : {}) });
const count = (low: number, high: number, more: Partial<Entry> = {}): Entry => ({ type: 'INTEGER', range: [low, high], ...more });
const restart = { restart: true } as const;
const max = 2_147_483_647;

/** What Cloud SQL offers, with PostgreSQL's own limits where Google's are not known. */
const offered: Readonly<Record<string, Entry>> = {
  'cloudsql.allow_passwordless_local_connections': on(),
  'cloudsql.enable_anon': on(true),
  'cloudsql.enable_auto_explain': on(true),
  'cloudsql.enable_pg_cron': on(true),
  'cloudsql.enable_pg_hint_plan': on(true),
  'cloudsql.enable_pgaudit': on(true),
  'cloudsql.enable_pglogical': on(true),
  'cloudsql.iam_authentication': on(),
  'cloudsql.logical_decoding': on(true),
  'pgaudit.log': { type: 'STRING' },
  'cron.database_name': { type: 'STRING', restart: true },
  autovacuum: on(),
  autovacuum_analyze_scale_factor: { type: 'FLOAT', range: [0, 100] },
  autovacuum_max_workers: count(1, 262_143, restart),
  autovacuum_naptime: count(1, 2_147_483),
  autovacuum_vacuum_cost_limit: count(-1, 10_000),
  autovacuum_vacuum_scale_factor: { type: 'FLOAT', range: [0, 100] },
  checkpoint_completion_target: { type: 'FLOAT', range: [0, 1] },
  checkpoint_timeout: count(30, 86_400),
  commit_delay: count(0, 100_000),
  default_statistics_target: count(1, 10_000),
  default_transaction_isolation: { type: 'STRING', values: ['serializable', 'repeatable read', 'read committed', 'read uncommitted'] },
  effective_cache_size: count(1, max),
  enable_partitionwise_join: on(),
  force_parallel_mode: { type: 'STRING', values: ['off', 'on', 'regress'], to: 15 },
  debug_parallel_query: { type: 'STRING', values: ['off', 'on', 'regress'], from: 16 },
  hot_standby_feedback: on(),
  idle_in_transaction_session_timeout: count(0, max),
  idle_session_timeout: count(0, max),
  lock_timeout: count(0, max),
  log_autovacuum_min_duration: count(-1, max),
  log_checkpoints: on(),
  log_connections: on(),
  log_disconnections: on(),
  log_lock_waits: on(),
  log_min_duration_statement: count(-1, max),
  log_statement: { type: 'STRING', values: ['none', 'ddl', 'mod', 'all'] },
  log_temp_files: count(-1, max),
  logical_decoding_work_mem: count(64, max),
  maintenance_work_mem: count(1_024, max),
  max_connections: count(14, 262_143, restart),
  max_locks_per_transaction: count(10, max, restart),
  max_logical_replication_workers: count(4, 8_192, restart),
  max_parallel_workers: count(0, 1_024),
  max_parallel_workers_per_gather: count(0, 1_024),
  max_prepared_transactions: count(0, 262_143, restart),
  max_replication_slots: count(10, 1_000, restart),
  max_slot_wal_keep_size: count(-1, max),
  max_sync_workers_per_subscription: count(2, 64),
  max_wal_senders: count(10, 2_000, restart),
  max_wal_size: count(2, max),
  max_worker_processes: count(8, 262_143, restart),
  old_snapshot_threshold: count(-1, 86_400, { restart: true, to: 16 }),
  random_page_cost: { type: 'FLOAT', range: [0, 1e308] },
  shared_buffers: count(16, 1_073_741_823, restart),
  statement_timeout: count(0, max),
  temp_file_limit: count(-1, max),
  track_activity_query_size: count(100, 1_048_576, restart),
  track_commit_timestamp: on(true),
  transaction_timeout: count(0, max, { from: 17 }),
  vacuum_cost_limit: count(1, 10_000),
  vacuum_failsafe_age: count(0, 2_100_000_000),
  wal_receiver_timeout: count(0, max),
  wal_sender_timeout: count(0, max),
  work_mem: count(64, max),
};
const majors = [13, 14, 15, 16, 17, 18];
const has = (entry: Entry, version: number) => version >= (entry.from ?? 0) && version <= (entry.to ?? 99);

function flag([name, entry]: readonly [string, Entry]): Flag {
  return {
    kind: 'sql#flag',
    name,
    type: entry.type,
    appliesTo: majors.filter((version) => has(entry, version)).map((version) => `POSTGRES_${version}`),
    requiresRestart: entry.restart ?? false,
    ...(entry.range
      ? { minValue: entry.range[0].toFixed(0).slice(0, 19), maxValue: Math.min(entry.range[1], Number.MAX_SAFE_INTEGER).toFixed(0) }
      : {}),
    ...(entry.values ? { allowedStringValues: [...entry.values] } : {}),
  };
}

export const flagHandlers: Handlers = {
  'sql.flags.list': handler(({ query }) => {
    const version = query['databaseVersion'];
    const items = Object.entries(offered)
      .map(flag)
      .filter((one) => version === undefined || one.appliesTo?.includes(version));
    return { kind: 'sql#flagsList', items };
  }),
};

/** Refuses flags that the version lacks or a value that is none; answers them by name. */
export function checkedFlags(version: number, flags: Settings['databaseFlags']): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const { name, value } of flags ?? []) {
    const entry = offered[name ?? ''];
    if (!name || value === undefined || value === null || !entry || !has(entry, version))
      throw invalid(`Invalid request: Invalid flag for instance: "${name ?? ''}" is not supported for POSTGRES_${version}.`);
    if (name in values) throw invalid(`Invalid request: flag "${name}" is given twice.`);
    const number = Number(value);
    const wrong =
      (entry.type === 'BOOLEAN' && value !== 'on' && value !== 'off') ||
      (entry.values !== undefined && !entry.values.includes(value)) ||
      (entry.range !== undefined && (Number.isNaN(number) || value === '' || number < entry.range[0] || number > entry.range[1]));
    if (wrong) throw invalid(`Invalid request: Invalid flag value: "${value}" for "${name}".`);
    values[name] = value;
  }
  return values;
}

/** Does going from one list to the other need a restart? */
export function needsRestart(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): boolean {
  return Object.keys({ ...before, ...after }).some((name) => before[name] !== after[name] && offered[name]?.restart === true);
}
