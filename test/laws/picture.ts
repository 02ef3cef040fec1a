import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { withSession } from '../../sandbox/servers/session.ts';
import type { Cluster } from '../../sandbox/types.ts';
import type { World } from '../../sandbox/world.ts';
import { onSource } from './outsider.ts';

const execute = promisify(execFile);
const databases = ['inapp', 'postgres'] as const;

/** What an outsider sees of the old instance and of the project: after undoing everything it must be as it was. */
export async function picture(world: World) {
  const source = onSource(world);
  const { instances, secrets, jobs, profiles } = world.google.state;
  return {
    schema: Object.fromEntries(await Promise.all(databases.map(async (name) => [name, await schemaOf(world, source, name)] as const))),
    roles: await rows(
      source,
      `select concat_ws(' ', rolname, case when rolcanlogin then 'login' end, case when rolreplication then 'replication' end,
                        case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end, rolconfig::text) from pg_roles order by 1`,
    ),
    memberships: await rows(
      source,
      `select concat_ws(' ', roleid::regrole, 'to', member::regrole, 'by', grantor::regrole, case when admin_option then 'admin' end)
         from pg_auth_members order by 1`,
    ),
    connect: await rows(
      source,
      `select concat_ws(' ', datname, (select string_agg(a::text, ' ' order by a::text) from unnest(coalesce(datacl, acldefault('d', datdba))) a)) from pg_database order by 1`,
    ),
    slots: await rows(source, 'select slot_name::text from pg_replication_slots order by 1'),
    publications: await rows(source, 'select pubname::text from pg_publication order by 1'),
    flags: await rows(
      source,
      `select name || ' ' || setting from pg_settings where name in ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_worker_processes', 'shared_preload_libraries') order by 1`,
    ),
    instances: [...instances].map(([name, { state, users, certificates, settings }]) => ({
      name,
      state,
      users: [...users.keys()].sort(),
      certificates: certificates.size,
      databaseFlags: settings.databaseFlags?.map((flag) => `${flag.name}=${flag.value}`).sort(),
    })),
    servers: world.servers.fleet.list().map(({ name }) => name),
    secrets: [...secrets].flatMap(([name, { versions }]) => (versions.length > 0 ? [name] : [])).sort(),
    migration: [...jobs.keys(), ...profiles.keys()],
    workloads: world.deployments.list().map(({ name, replicas, environment }) => ({ name, replicas, environment: { ...environment } })),
  };
}

async function rows(cluster: Cluster, text: string): Promise<readonly string[]> {
  return withSession({ ...cluster.admin, database: 'postgres' }, async (client) =>
    (await client.query<Record<string, string>>(text)).rows.flatMap((row) => Object.values(row)),
  );
}

/** The dump's lines, so that a difference is shown as lines; the key of its restricted mode is another one each time. */
async function schemaOf(world: World, { host, port, version, admin }: Cluster, database: string): Promise<readonly string[]> {
  const pgDump = world.servers.fleet.program(version, 'pg_dump');
  const { stdout } = await execute(pgDump, ['-s', '-h', host, '-p', String(port), '-U', admin.user, '-d', database], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', HOME: '/nonexistent', PGPASSWORD: admin.password },
    maxBuffer: 64 * 1024 ** 2,
  });
  return stdout.split('\n').filter((line) => line !== '' && !/^(--|\\(un)?restrict )/.test(line));
}
