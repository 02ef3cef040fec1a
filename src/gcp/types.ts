import type { datamigration_v1 } from 'googleapis/build/src/apis/datamigration/v1.js';
import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';

export type Instance = sqladmin_v1.Schema$DatabaseInstance;
export type InstanceSettings = sqladmin_v1.Schema$Settings;
export type SqlOperation = sqladmin_v1.Schema$Operation;
export type SqlUser = sqladmin_v1.Schema$User;
export type SqlFlag = sqladmin_v1.Schema$Flag;
export type BackupRun = sqladmin_v1.Schema$BackupRun;
export type ConnectionProfile = datamigration_v1.Schema$ConnectionProfile;
export type MigrationJob = datamigration_v1.Schema$MigrationJob;
export type MigrationJobObject = datamigration_v1.Schema$MigrationJobObject;
export type LongRunningOperation = datamigration_v1.Schema$Operation;

export interface ClientCertificate {
  readonly commonName: string;
  readonly sha1Fingerprint: string;
  readonly certificate: string;
  /** Given once, by the API's answer to the insertion. */
  readonly privateKey: string;
  readonly serverCa: string;
}

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** The longest time between two looks, which follow the time taken so far: 500 ms in the write stop, 3 s elsewhere. */
  readonly everyMs?: number;
}

/**
 * Cloud SQL Admin v1, bound to one project. What is read is `undefined` where the API says 404. What changes something
 * checks the lease, is never retried by the client, and gives the operation's name: record it, then `wait`.
 */
export interface CloudSql {
  instance(name: string): Promise<Instance | undefined>;
  insertInstance(body: Instance): Promise<string>;
  /** Objects are merged, arrays are replaced whole: send `databaseFlags` complete. */
  patchInstance(name: string, body: Instance): Promise<string>;
  deleteInstance(name: string): Promise<string>;
  flags(databaseVersion: string): Promise<readonly SqlFlag[]>;
  users(instance: string): Promise<readonly SqlUser[]>;
  insertUser(instance: string, user: SqlUser): Promise<string>;
  /** Creates the user if it is missing: that is what the API does. */
  setPassword(instance: string, username: string, password: string): Promise<string>;
  deleteUser(instance: string, username: string): Promise<string>;
  certificates(
    instance: string,
  ): Promise<readonly { readonly commonName: string; readonly sha1Fingerprint: string; readonly expirationTime: string }[]>;
  insertCertificate(instance: string, commonName: string): Promise<ClientCertificate>;
  deleteCertificate(instance: string, sha1Fingerprint: string): Promise<string>;
  serverCa(instance: string): Promise<string>;
  backups(instance: string): Promise<readonly BackupRun[]>;
  insertBackup(instance: string, description: string): Promise<string>;
  /** Operations of the instance that are not DONE. */
  runningOperations(instance: string): Promise<readonly SqlOperation[]>;
  /** Until DONE. An operation that ended with an error: NeedsHuman `gcp.operation-failed`; the time is over: NeedsHuman `gcp.operation-slow`. */
  wait(operation: string, options: WaitOptions): Promise<void>;
}

/** One problem that the migration job's own test found. */
export interface VerificationError {
  readonly errorCode: string;
  readonly errorMessage: string;
}

/** Database Migration Service v1, bound to one location. `force` does not exist here: with it Google deletes the destination. */
export interface DataMigration {
  connectionProfile(id: string): Promise<ConnectionProfile | undefined>;
  createConnectionProfile(id: string, body: ConnectionProfile, requestId: string): Promise<string>;
  deleteConnectionProfile(id: string): Promise<string>;
  job(id: string): Promise<MigrationJob | undefined>;
  createJob(id: string, body: MigrationJob, requestId: string): Promise<string>;
  deleteJob(id: string): Promise<string>;
  demoteDestination(id: string): Promise<string>;
  verify(id: string): Promise<string>;
  start(id: string): Promise<string>;
  stop(id: string): Promise<string>;
  /** Of a job that was stopped or has failed: empties the destination and copies from the beginning. */
  restart(id: string): Promise<string>;
  promote(id: string): Promise<string>;
  objects(id: string): Promise<readonly MigrationJobObject[]>;
  operation(name: string): Promise<LongRunningOperation>;
  /** Operations on the job that are not done, by verb. */
  runningOperations(jobId: string): Promise<readonly LongRunningOperation[]>;
  /** Until done; as CloudSql's. What `verify` found is its result, not its failure: read it with `verificationErrors`. */
  wait(operation: string, options: WaitOptions): Promise<LongRunningOperation>;
  /** Leniently collected from an operation's or a job's error. */
  verificationErrors(subject: LongRunningOperation | MigrationJob): readonly VerificationError[];
}

/** Secret Manager, bound to one project. Values never leave the step that reads them. */
export interface Secrets {
  /** `undefined`: there is no such secret or it has no version. */
  latest(name: string): Promise<string | undefined>;
  /** Makes the secret if it is missing and adds a version if the latest differs. */
  put(name: string, value: string): Promise<void>;
  destroy(name: string): Promise<void>;
}
