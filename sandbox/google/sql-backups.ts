import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import { notFound, precondition } from './fault.ts';
import { asAdmin, userDatabases } from './postgres.ts';
import { clusterOf, instanceOf } from './sql-instances.ts';
import { beginSqlOperation, refuseWhileBusy } from './sql-operations.ts';
import { type Google, type Handlers, handler, now, param } from './state.ts';

/** A backup here is a checkpoint and an entry with the real size: nothing is copied (DIFFERENCES.md). */
export function backupHandlers(google: Google): Handlers {
  const at = (params: Readonly<Record<string, string>>) => instanceOf(google, param(params, 'project'), param(params, 'instance'));
  return {
    'sql.backupRuns.list': handler(({ params }) => ({ kind: 'sql#backupRunsList', items: [...at(params).backups].reverse() })),
    'sql.backupRuns.get': handler(({ params }) => {
      const found = at(params).backups.find((one) => one.id === params['id']);
      if (!found) throw notFound(`backup run ${params['id'] ?? ''}`);
      return found;
    }),
    'sql.backupRuns.insert': handler(({ params }, body: sqladmin_v1.Schema$BackupRun) => {
      const instance = at(params);
      const { project, name } = instance;
      refuseWhileBusy(google, project, name);
      if (instance.instanceType !== 'CLOUD_SQL_INSTANCE')
        throw precondition(`Invalid request: ${name} follows another instance and cannot be backed up.`);
      const cluster = clusterOf(google, instance);
      const run: sqladmin_v1.Schema$BackupRun = {
        kind: 'sql#backupRun',
        id: String(Date.now()),
        instance: name,
        type: 'ON_DEMAND',
        backupKind: 'SNAPSHOT',
        status: 'RUNNING',
        databaseVersion: instance.databaseVersion,
        location: 'eu',
        enqueuedTime: now(),
        startTime: now(),
        windowStartTime: now(),
        ...(body.description ? { description: body.description } : {}),
      };
      instance.backups.push(run);
      const work = async () => {
        try {
          run.maxChargeableBytes = await asAdmin(cluster, 'postgres', async (client) => {
            await client.query('checkpoint');
            return String((await client.query('select sum(pg_database_size(oid)) as bytes from pg_database')).rows[0]?.bytes);
          });
          run.status = 'SUCCESSFUL';
        } catch (error) {
          run.status = 'FAILED';
          throw error;
        } finally {
          run.endTime = now();
        }
      };
      return beginSqlOperation(google, { project, instance: name, type: 'BACKUP_VOLUME', work });
    }),
    'sql.databases.list': handler(async ({ params }) => {
      const instance = at(params);
      const cluster = clusterOf(google, instance);
      const names = await asAdmin(cluster, 'postgres', async (client) =>
        (await client.query(userDatabases)).rows.map((row) => String(row.datname)),
      );
      const items = names.map((one) => ({
        kind: 'sql#database',
        name: one,
        charset: 'UTF8',
        instance: instance.name,
        project: instance.project,
      }));
      return { kind: 'sql#databasesList', items };
    }),
  };
}
