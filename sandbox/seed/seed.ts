import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Client, escapeIdentifier } from 'pg';
import { iamToken } from '../servers/roles.ts';
import { withSession } from '../servers/session.ts';
import type { Cluster } from '../types.ts';
import { dataStreams } from './data.ts';

export interface SeedRequest {
  readonly project: string;
  /** 1 ≈ 20 MB; the demo's default is 10. */
  readonly scale: number;
  /** Who owns the database: the application's user, as in the procedure, or Cloud SQL's group. */
  readonly databaseOwner?: 'application' | 'cloudsqlsuperuser';
  /** Of the built-in user `bigquery`; a random one if left out. */
  readonly bigqueryPassword?: string;
}

/** The users of the procedure's service in a project. */
export function serviceUsers(project: string): { readonly application: string; readonly deviceEvent: string; readonly bigquery: string } {
  return { application: `me-inapp@${project}.iam`, deviceEvent: `me-device-event@${project}.iam`, bigquery: 'bigquery' };
}

export const schemaFile = new URL('schema.sql', import.meta.url);

/** The rights of the readers, given by the owner as applications do: on what is there, and on what will come. */
async function grantReaders(client: Client, readers: readonly string[]): Promise<void> {
  const to = readers.map((name) => escapeIdentifier(name)).join(', ');
  await client.query(`grant usage on schema audience_data to ${to}`);
  for (const schema of ['public', 'audience_data']) {
    await client.query(`grant select on all tables in schema ${schema} to ${to}`);
    await client.query(`alter default privileges in schema ${schema} grant select on tables to ${to}`);
  }
  await client.query(`grant select on sequence campaign_id_seq to ${to}`);
}

/**
 * Makes the service's users, its database `inapp` with schema and data, and the readers' rights on a source instance. Everything belongs
 * to the application's user. There is no pglogical yet.
 */
export async function seedSource(cluster: Cluster, request: SeedRequest): Promise<void> {
  const { application, deviceEvent, bigquery } = serviceUsers(request.project);
  await cluster.createUser({ name: application, type: 'IAM' });
  await cluster.createUser({ name: deviceEvent, type: 'IAM' });
  const password = request.bigqueryPassword ?? randomBytes(12).toString('hex');
  await cluster.createUser({ name: bigquery, type: 'BUILT_IN', password });
  const owner = escapeIdentifier(request.databaseOwner === 'cloudsqlsuperuser' ? 'cloudsqlsuperuser' : application);
  await withSession({ ...cluster.admin, database: 'postgres' }, async (admin) => {
    await admin.query(`create database inapp owner ${owner}`);
  });
  await withSession({ ...cluster.admin, database: 'inapp' }, async (admin) => {
    // The database's owner may create in it and in its schema public; another application's user must be let.
    const name = escapeIdentifier(application);
    await admin.query(`grant create on database inapp to ${name}`);
    await admin.query(`grant create on schema public to ${name}`);
  });
  const session = {
    host: cluster.host,
    port: cluster.port,
    user: application,
    password: iamToken,
    database: 'inapp',
    ca: cluster.serverCa,
  };
  await withSession(session, async (client) => void (await client.query(await readFile(schemaFile, 'utf8'))));
  const fill = (statements: readonly string[]) =>
    withSession(session, async (client) => {
      await client.query('begin');
      for (const statement of statements) await client.query(statement, statement.includes('$1') ? [request.scale] : []);
      await client.query('commit');
    });
  await Promise.all(dataStreams.map(fill));
  await withSession(session, async (client) => {
    await client.query('refresh materialized view campaign_totals');
    await grantReaders(client, [deviceEvent, bigquery]);
    // A tenth of the usual sample: the planner knows enough, and a first start does not wait for it.
    await client.query('set default_statistics_target = 10');
    await client.query('analyze');
  });
}
