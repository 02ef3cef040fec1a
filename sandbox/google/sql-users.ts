import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import { DatabaseError, escapeIdentifier } from 'pg';
import type { Cluster } from '../types.ts';
import { exists, invalid, notFound, Refusal } from './fault.ts';
import { asAdmin } from './postgres.ts';
import { clusterOf, instanceOf } from './sql-instances.ts';
import { beginSqlOperation, refuseWhileBusy } from './sql-operations.ts';
import { type Google, type Handlers, handler, type InstanceState, param } from './state.ts';

type User = sqladmin_v1.Schema$User;

/** Roles of the service itself, which the API does not show. */
const systemRoles = ['cloudsqladmin', 'cloudsqlagent'];

/** Users are real roles; the API sees those that may log in. */
export function userHandlers(google: Google): Handlers {
  const at = (params: Readonly<Record<string, string>>) => {
    const instance = instanceOf(google, param(params, 'project'), param(params, 'instance'));
    return { instance, cluster: clusterOf(google, instance), of: { project: instance.project, instance: instance.name } };
  };
  const shown = (instance: InstanceState, name: string): User => ({
    kind: 'sql#user',
    name,
    host: '',
    instance: instance.name,
    project: instance.project,
    type:
      instance.users.get(name)?.type ??
      (name.endsWith('.iam') ? 'CLOUD_IAM_SERVICE_ACCOUNT' : name.includes('@') ? 'CLOUD_IAM_USER' : 'BUILT_IN'),
  });
  const roles = (cluster: Cluster) =>
    asAdmin(cluster, 'postgres', async (client) => {
      const found = await client.query('select rolname from pg_roles where rolcanlogin and rolname <> all($1) order by rolname', [
        systemRoles,
      ]);
      return found.rows.map((row) => String(row.rolname));
    });

  return {
    'sql.users.list': handler(async ({ params }) => {
      const { instance, cluster } = at(params);
      return { kind: 'sql#usersList', items: (await roles(cluster)).map((name) => shown(instance, name)) };
    }),
    'sql.users.get': handler(async ({ params }) => {
      const { instance, cluster } = at(params);
      const name = param(params, 'name');
      if (!(await roles(cluster)).includes(name)) throw notFound(`user ${name}`);
      return shown(instance, name);
    }),
    'sql.users.insert': handler(async ({ params }, body: User) => {
      const { instance, cluster, of } = at(params);
      refuseWhileBusy(google, instance.project, instance.name);
      const { name, password } = body;
      const type = body.type ?? 'BUILT_IN';
      if (!name) throw invalid('Invalid request: user name is required.');
      if (systemRoles.includes(name) || /^(pg_|cloudsql)/.test(name)) throw invalid(`Invalid request: user name ${name} is reserved.`);
      if (type === 'BUILT_IN' && !password) throw invalid('Invalid request: a built-in user needs a password.');
      if (type !== 'BUILT_IN') refuseIam(instance, name, password);
      if ((await roles(cluster)).includes(name)) throw exists(`User ${name} already exists.`);
      const work = async () => {
        await cluster.createUser(type === 'BUILT_IN' ? { name, type: 'BUILT_IN', password: password ?? '' } : { name, type: 'IAM' });
        instance.users.set(name, { type });
      };
      return beginSqlOperation(google, { ...of, type: 'CREATE_USER', work });
    }),
    'sql.users.update': handler(async ({ params, query }, body: User) => {
      const { instance, cluster, of } = at(params);
      refuseWhileBusy(google, instance.project, instance.name);
      if (body.databaseRoles) throw invalid('Invalid request to update database roles.');
      const name = query['name'] ?? body.name ?? '';
      const { password } = body;
      if (!name || !password) throw invalid('Invalid request: name and password are required.');
      const missing = !(await roles(cluster)).includes(name);
      // A user that is missing is made: that is what the API does.
      const work = () => (missing ? cluster.createUser({ name, type: 'BUILT_IN', password }) : cluster.setPassword(name, password));
      return beginSqlOperation(google, { ...of, type: 'UPDATE_USER', work });
    }),
    'sql.users.delete': handler(async ({ params, query }) => {
      const { instance, cluster, of } = at(params);
      refuseWhileBusy(google, instance.project, instance.name);
      const name = query['name'] ?? '';
      if (!(await roles(cluster)).includes(name)) throw notFound(`user ${name}`);
      await refuseDependent(cluster, name);
      const work = async () => {
        await cluster.dropUser(name);
        instance.users.delete(name);
      };
      return beginSqlOperation(google, { ...of, type: 'DELETE_USER', work });
    }),
  };
}

function refuseIam(instance: InstanceState, name: string, password: string | null | undefined): void {
  const flag = instance.settings.databaseFlags?.find((one) => one.name === 'cloudsql.iam_authentication');
  if (flag?.value !== 'on')
    throw invalid('Invalid request: IAM authentication is not enabled on the instance (flag cloudsql.iam_authentication).');
  if (password) throw invalid('Invalid request: an IAM user has no password.');
  if (name.endsWith('.gserviceaccount.com')) throw invalid(`Invalid request: omit .gserviceaccount.com from ${name}.`);
}

/** Tries it and takes it back: PostgreSQL itself knows what depends on a role, in every database. */
async function refuseDependent(cluster: Cluster, name: string): Promise<void> {
  await asAdmin(cluster, 'postgres', async (client) => {
    await client.query('begin');
    try {
      await client.query(`drop role ${escapeIdentifier(name)}`);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== '2BP01') throw error;
      const details = (error.detail ?? '').replaceAll('\n', ' ');
      throw new Refusal(
        400,
        'INVALID_ARGUMENT',
        `Invalid request: failed to delete user ${name}: . ${error.message} Details: ${details}.`,
        {
          reason: 'invalid',
        },
      );
    } finally {
      await client.query('rollback');
    }
  });
}
