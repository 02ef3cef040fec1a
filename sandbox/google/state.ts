import type { datamigration_v1 } from 'googleapis/build/src/apis/datamigration/v1.js';
import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import type { Fleet } from '../types.ts';
import type { Faults } from './fault.ts';

export type Settings = sqladmin_v1.Schema$Settings;
export type SqlOperation = sqladmin_v1.Schema$Operation;
export type Job = datamigration_v1.Schema$MigrationJob;
export type Profile = datamigration_v1.Schema$ConnectionProfile;
export type LongRunning = datamigration_v1.Schema$Operation;

/** What Cloud SQL knows of an instance beside its server. */
export interface InstanceState {
  readonly project: string;
  readonly name: string;
  readonly region: string;
  readonly databaseVersion: string;
  readonly createTime: string;
  settings: Settings;
  state: 'PENDING_CREATE' | 'RUNNABLE' | 'FAILED' | 'PENDING_DELETE';
  instanceType: 'CLOUD_SQL_INSTANCE' | 'ON_PREMISES_INSTANCE' | 'READ_REPLICA_INSTANCE';
  masterInstanceName?: string;
  /** Of a source representation instance. */
  hostPort?: string;
  kmsKeyName?: string;
  readonly users: Map<string, { readonly type: string }>;
  readonly certificates: Map<string, sqladmin_v1.Schema$SslCert>;
  readonly backups: sqladmin_v1.Schema$BackupRun[];
}

/** What the service keeps to itself: the profile's password and keys are never given back. */
export interface ProfileState {
  readonly shown: Profile;
  readonly password: string;
  readonly certificates: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;
}

export interface JobState {
  readonly name: string;
  shown: Job;
  /** Role `cloudsqlexternalsync`'s password on the destination, while the job lives. */
  syncPassword?: string;
  demoted: boolean;
  /** Databases that the copy took, in order; empty before the start. */
  databases: string[];
  /** Names of the subscriptions, by database. */
  subscriptions: Map<string, readonly string[]>;
  promoted: boolean;
  /** When a subscription was first seen down without a break (ms). */
  downSince?: number;
  /** The last action's own failure, until the next action. */
  failed?: string;
}

export interface SecretState {
  readonly labels: Readonly<Record<string, string>>;
  readonly createTime: string;
  readonly versions: { readonly data: Buffer; readonly createTime: string }[];
}

export interface State {
  /** `project/name` */
  readonly instances: Map<string, InstanceState>;
  readonly sqlOperations: Map<string, SqlOperation & { readonly name: string }>;
  /** By full resource name. */
  readonly profiles: Map<string, ProfileState>;
  readonly jobs: Map<string, JobState>;
  readonly operations: Map<string, LongRunning & { readonly name: string }>;
  readonly requests: Map<string, string>;
  /** `project/name` */
  readonly secrets: Map<string, SecretState>;
  /** Permissions that the caller lacks, on any project; only `testIamPermissions` tells. */
  readonly lacks: Set<string>;
}

export type GoogleEvent =
  | { readonly type: 'request'; readonly method: string; readonly status: number }
  | {
      readonly type: 'operation';
      readonly kind: string;
      readonly target: string;
      readonly state: 'begun' | 'done' | 'failed';
      readonly message: string;
    }
  | { readonly type: 'phase'; readonly job: string; readonly state: string; readonly phase: string };

/** What every handler works with. */
export interface Google {
  readonly fleet: Fleet;
  readonly projects: readonly string[];
  readonly state: State;
  readonly faults: Faults;
  readonly latencyMs: number;
  /** `postgres` gets ADMIN on `cloudsqlexternalsync`. */
  readonly adminOnExternalSync: boolean;
  emit(event: GoogleEvent): void;
  /** Work that goes on after the answer; awaited when the stand-in closes. */
  background(work: Promise<void>): void;
  readonly closing: AbortSignal;
  base(): string;
}

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}
export type Handler = (call: Call) => Promise<object>;
export type Handlers = Readonly<Record<string, Handler>>;

/** The body has been checked against the official schema before the handler sees it. */
export function handler<Body, Answer extends object>(work: (call: Call, body: Body) => Answer | Promise<Answer>): Handler {
  return async (call) => work(call, call.body as Body);
}

export function emptyState(): State {
  return {
    instances: new Map(),
    sqlOperations: new Map(),
    profiles: new Map(),
    jobs: new Map(),
    operations: new Map(),
    requests: new Map(),
    secrets: new Map(),
    lacks: new Set(),
  };
}

export function param(values: Readonly<Record<string, string>>, name: string): string {
  const value = values[name];
  if (value === undefined) throw new Error(`The path has no ${name}.`);
  return value;
}

export function now(): string {
  return new Date().toISOString();
}
