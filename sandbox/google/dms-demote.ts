import { randomBytes } from 'node:crypto';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { Cluster } from '../types.ts';
import { ActionFailed, findingDetails } from './dms-operations.ts';
import { endsOf } from './dms-source.ts';
import { asAdmin, userDatabases } from './postgres.ts';
import { type Google, type JobState, now } from './state.ts';

export const externalSync = 'cloudsqlexternalsync';

/** What makes an instance non-empty: a database beside `postgres`, or an object in it. Roles do not. */
export async function existingData(cluster: Cluster): Promise<readonly string[]> {
  return asAdmin(cluster, 'postgres', async (client) => {
    const databases = (await client.query(userDatabases)).rows.map((row) => String(row.datname)).filter((name) => name !== 'postgres');
    const objects = await client.query(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pglogical')
         and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`,
    );
    return [...databases.map((name) => `database ${name}`), ...objects.rows.map((row) => String(row.name))];
  });
}

/**
 * The destination becomes a replica of a source representation instance. It stays writable, as in the real service.
 * `cloudsqlexternalsync` is no superuser: a superuser's role could not be granted to anybody by `postgres`.
 */
export async function demote(google: Google, job: JobState): Promise<void> {
  const { instance, destination, source } = endsOf(google, job);
  const { project, name, settings } = instance;
  const refuse = (what: string) => new ActionFailed(`Instance ${name} cannot be demoted: ${what}.`);
  if (settings.availabilityType === 'REGIONAL') throw refuse('high availability is enabled');
  if (settings.backupConfiguration?.pointInTimeRecoveryEnabled) throw refuse('point-in-time recovery is enabled');
  if (settings.backupConfiguration?.enabled) throw refuse('automated backups are enabled');
  if (instance.instanceType !== 'CLOUD_SQL_INSTANCE') throw refuse(`it is a ${instance.instanceType}`);
  const filled = await existingData(destination);
  if (filled.length > 0)
    throw new ActionFailed(`Instance ${name} is not empty: ${filled.join(', ')}.`, {
      details: findingDetails([
        {
          errorCode: 'EXISTING_DATA',
          errorMessage: `The destination instance contains existing data or user defined entities: ${filled.join(', ')}. You can only migrate to empty instances.`,
        },
      ]),
    });
  job.syncPassword = randomBytes(18).toString('base64url');
  await asAdmin(destination, 'postgres', async (client) => {
    const known = await client.query('select from pg_roles where rolname = $1', [externalSync]);
    if (known.rowCount === 0) await client.query(`create role ${escapeIdentifier(externalSync)} login createrole createdb replication`);
    await client.query(`alter role ${escapeIdentifier(externalSync)} password ${escapeLiteral(job.syncPassword ?? '')}`);
    await client.query(`grant cloudsqlsuperuser to ${escapeIdentifier(externalSync)}`);
    if (destination.version >= 16 && google.adminOnExternalSync)
      await client.query(`grant ${escapeIdentifier(externalSync)} to postgres with admin true, inherit false, set false`);
  });
  const master = `${name}-master`;
  const { host, port } = source.shown.postgresql ?? {};
  google.state.instances.set(`${project}/${master}`, {
    project,
    name: master,
    region: instance.region,
    databaseVersion: instance.databaseVersion,
    createTime: now(),
    settings: { kind: 'sql#settings', settingsVersion: '1' },
    state: 'RUNNABLE',
    instanceType: 'ON_PREMISES_INSTANCE',
    hostPort: `${host ?? ''}:${port ?? 5432}`,
    users: new Map(),
    certificates: new Map(),
    backups: [],
  });
  instance.instanceType = 'READ_REPLICA_INSTANCE';
  instance.masterInstanceName = `${project}:${master}`;
  job.demoted = true;
}
