import type { LongRunningOperation, MigrationJob, VerificationError } from './types.ts';

/** What a finding of the migration job's own test means. A warning does not hold the job up. */
export interface VerificationAdvice {
  readonly severity: 'error' | 'warning';
  /** One sentence, with Google's own words at its end. */
  readonly sentence: string;
  readonly remedy: string;
}

type Entry = readonly [sentence: string, remedy: string, severity?: 'warning'];
const retry = 'then press Retry.';

/** Every `errorCode` of MigrationJobVerificationError (datamigration v1, revision 20260320). */
const advice: Readonly<Record<string, Entry>> = {
  ERROR_CODE_UNSPECIFIED: ['The migration job’s test failed without a code', `Look at Google’s words, ${retry}`],
  CONNECTION_FAILURE: [
    'The migration service cannot reach the source',
    `Check the source’s private address, the peering of the network and sslMode, ${retry}`,
  ],
  AUTHENTICATION_FAILURE: [
    'The source does not accept user migration',
    `Set the password of user migration to the one in Secret Manager and check the client certificate, ${retry}`,
  ],
  INVALID_CONNECTION_PROFILE_CONFIG: ['A connection profile is not usable', `Undo and redo the step create-connection-profiles, ${retry}`],
  VERSION_INCOMPATIBILITY: [
    'The destination’s version does not fit the source’s',
    'The destination must have the same or a higher major version.',
  ],
  CONNECTION_PROFILE_TYPES_INCOMPATIBILITY: ['The two connection profiles do not fit each other', 'Both must be PostgreSQL profiles.'],
  NO_PGLOGICAL_INSTALLED: [
    'pglogical is not installed on the source in every database',
    `Run CREATE EXTENSION pglogical in every database, also in postgres, ${retry}`,
  ],
  PGLOGICAL_NODE_ALREADY_EXISTS: [
    'A pglogical node of an earlier migration is left over',
    `Drop it with pglogical.drop_node in each database named, ${retry}`,
  ],
  INVALID_WAL_LEVEL: ['wal_level of the source is not logical', `Set cloudsql.logical_decoding to on (it restarts the source), ${retry}`],
  INVALID_SHARED_PRELOAD_LIBRARY: [
    'pglogical is not loaded on the source',
    `Set cloudsql.enable_pglogical to on (it restarts the source), ${retry}`,
  ],
  INSUFFICIENT_MAX_REPLICATION_SLOTS: [
    'There are too few replication slots',
    `Raise max_replication_slots (it restarts the instance), ${retry}`,
  ],
  INSUFFICIENT_MAX_WAL_SENDERS: ['There are too few WAL senders', `Raise max_wal_senders (it restarts the instance), ${retry}`],
  INSUFFICIENT_MAX_WORKER_PROCESSES: [
    'There are too few worker processes',
    `Raise max_worker_processes (it restarts the instance), ${retry}`,
  ],
  UNSUPPORTED_EXTENSIONS: [
    'The source has extensions that are not migrated',
    `Drop them on the source or accept that they stay behind, ${retry}`,
  ],
  UNSUPPORTED_MIGRATION_TYPE: ['The source does not allow this type of migration', 'Create the job with type CONTINUOUS.'],
  INVALID_RDS_LOGICAL_REPLICATION: ['rds.logical_replication is off on the source', `Turn it on, ${retry}`],
  UNSUPPORTED_GTID_MODE: ['The GTID mode of the source is not supported', 'This concerns MySQL: check the type of the source.'],
  UNSUPPORTED_TABLE_DEFINITION: [
    'Tables have a definition that is not supported',
    `Change the tables named (generated columns, replica identity FULL or NOTHING), ${retry}`,
  ],
  UNSUPPORTED_DEFINER: ['A definer is not supported', 'This concerns MySQL: check the type of the source.'],
  CANT_RESTART_RUNNING_MIGRATION: ['A running migration cannot be started again', 'Stop the job first.'],
  SOURCE_ALREADY_SETUP: [
    'The source is already set up for another migration',
    `Remove the slots and replication sets of the other job from the source, ${retry}`,
  ],
  TABLES_WITH_LIMITED_SUPPORT: [
    'Tables without a primary key: their UPDATEs and DELETEs are not migrated',
    'Add a primary key, or be sure that nothing changes them.',
    'warning',
  ],
  UNSUPPORTED_DATABASE_LOCALE: [
    'A database’s locale is not supported',
    `The destination cannot have this locale: recreate the database with a supported one, ${retry}`,
  ],
  UNSUPPORTED_DATABASE_FDW_CONFIG: [
    'A foreign data wrapper’s configuration is not supported',
    `Drop the user mappings or create their roles on the destination, ${retry}`,
  ],
  ERROR_RDBMS: ['The database answered with an error', `Put right what the message names, ${retry}`],
  SOURCE_SIZE_EXCEEDS_THRESHOLD: [
    'The source is larger than the service handles at this machine size',
    `Raise the destination’s tier, ${retry}`,
  ],
  EXISTING_CONFLICTING_DATABASES: [
    'The destination has databases of the same names',
    `The destination must be empty: drop them, or delete and create the instance again, ${retry}`,
  ],
  PARALLEL_IMPORT_INSUFFICIENT_PRIVILEGE: ['User migration may not import in parallel', `Grant what the message names, ${retry}`],
  EXISTING_DATA: ['The destination is not empty', `Drop what was created there, or delete and create the instance again, ${retry}`],
  SOURCE_MAX_SUBSCRIPTIONS: [
    'The source’s slots allow fewer subscriptions than asked for: the copy runs with less parallelism',
    'Raise max_replication_slots, max_wal_senders and max_worker_processes for full speed.',
    'warning',
  ],
  INSUFFICIENT_PRIVILEGE: ['User migration lacks a right on the source', `Undo and redo the step grant-migration-user, ${retry}`],
};

/** A sentence and a remedy for a finding; an unknown code is shown as it came. */
export function explainVerification(error: VerificationError): VerificationAdvice {
  const [sentence, remedy, severity] = advice[error.errorCode] ?? [
    `The migration job’s test says ${error.errorCode}`,
    `Look at Google’s words, ${retry}`,
  ];
  const said = error.errorMessage.trim().replace(/\.$/, '');
  return { severity: severity ?? 'error', sentence: said ? `${sentence}: ${said}.` : `${sentence}.`, remedy };
}

/**
 * Everything that has an `errorCode` under the operation's error, metadata or response, or under the job's error:
 * how Google packs it is not documented, so it is looked for and not expected at one place.
 */
export function verificationErrors(subject: LongRunningOperation | MigrationJob): readonly VerificationError[] {
  const found = new Map<string, VerificationError>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('errorCode' in value && typeof value.errorCode === 'string') {
      const [message, detail] = ['errorMessage', 'errorDetailMessage'].map((key) => text((value as Record<string, unknown>)[key]));
      const errorMessage = [message, detail].filter(Boolean).join(' ');
      found.set(`${value.errorCode} ${errorMessage}`, { errorCode: value.errorCode, errorMessage });
    }
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(subject.error);
  if ('metadata' in subject) walk(subject.metadata);
  if ('response' in subject) walk(subject.response?.['error']);
  return [...found.values()];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
