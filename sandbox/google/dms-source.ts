import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Cluster } from '../types.ts';
import { ActionFailed } from './dms-operations.ts';
import { userDatabases } from './postgres.ts';
import { clusterOf, instanceOf } from './sql-instances.ts';
import type { Google, InstanceState, JobState, ProfileState } from './state.ts';

/** What a job works between. The source is reached as its profile says and not otherwise. */
export interface Ends {
  readonly source: ProfileState;
  readonly destination: Cluster;
  readonly instance: InstanceState;
}

export function endsOf(google: Google, job: JobState): Ends {
  const source = google.state.profiles.get(job.shown.source ?? '');
  const instance = destinationOf(google, job);
  if (!source) throw new ActionFailed(`The source profile ${job.shown.source ?? ''} does not exist.`);
  if (!instance) throw new ActionFailed(`The destination of ${job.name} does not exist.`);
  return { source, instance, destination: clusterOf(google, instance) };
}

export function destinationOf(google: Google, job: JobState): InstanceState | undefined {
  const id = google.state.profiles.get(job.shown.destination ?? '')?.shown.postgresql?.cloudSqlId;
  const project = job.name.split('/')[1] ?? '';
  return id && google.state.instances.has(`${project}/${id}`) ? instanceOf(google, project, id) : undefined;
}

/** A session on the source as the profile's user, over TLS with the profile's certificate; the caller ends it. */
export async function connectToSource({ source }: Ends, database: string): Promise<Client> {
  const { host, port, username } = source.shown.postgresql ?? {};
  const { certificates, password } = source;
  const client = new Client({
    host: host ?? '',
    port: port ?? 5432,
    user: username ?? '',
    password,
    database,
    application_name: 'Database Migration Service',
    connectionTimeoutMillis: 10_000,
    ...(certificates
      ? {
          ssl: {
            ca: certificates.ca,
            checkServerIdentity: () => undefined,
            ...(certificates.cert ? { cert: certificates.cert, key: certificates.key } : {}),
          },
        }
      : {}),
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** Such a session for one piece of work. */
export async function onSource<T>(ends: Ends, database: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectToSource(ends, database);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Every database that the service migrates: all but templates and the agent's own. */
export async function sourceDatabases(ends: Ends): Promise<string[]> {
  return onSource(ends, 'postgres', async (client) => (await client.query(userDatabases)).rows.map((row) => String(row.datname)));
}

export interface SourceFiles {
  readonly ca: string;
  readonly cert: string;
  /** For the destination server's libpq. */
  readonly key: string;
  /** For pg_dump, which runs as ourselves: libpq insists that a key belongs to who reads it. */
  readonly ownKey: string;
}

/** The profile's certificates as files, for libpq in the destination server and in pg_dump. */
export async function shareCertificates(google: Google, job: JobState, { source }: Ends): Promise<SourceFiles> {
  const { ca, cert, key } = source.certificates ?? { ca: '', cert: '', key: '' };
  const id = jobId(job);
  const ownKey = join(google.fleet.shared, `${id}-dump.key`);
  await rm(ownKey, { force: true });
  await writeFile(ownKey, key, { mode: 0o600 });
  return {
    ownKey,
    ca: await google.fleet.share(`${id}-ca.pem`, ca),
    cert: await google.fleet.share(`${id}-client.pem`, cert),
    key: await google.fleet.share(`${id}-client.key`, key),
  };
}

/** libpq's connection string for the subscriptions. */
export function sourceDsn({ source }: Ends, files: SourceFiles, database: string): string {
  const { host, port, username } = source.shown.postgresql ?? {};
  return dsn({
    host: host ?? '',
    port: String(port ?? 5432),
    dbname: database,
    user: username ?? '',
    password: source.password,
    sslmode: source.certificates ? 'verify-ca' : 'prefer',
    ...(source.certificates ? { sslrootcert: files.ca, sslcert: files.cert, sslkey: files.key } : {}),
  });
}

export function dsn(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}

/** Short and the job's own: part of the names of files, nodes, replication sets and subscriptions. */
export function jobId(job: JobState): string {
  return `dms_${createHash('sha256').update(job.name).digest('hex').slice(0, 8)}`;
}
