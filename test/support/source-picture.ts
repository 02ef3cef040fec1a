import { run } from '../../sandbox/servers/command.ts';
import type { Cluster } from '../../sandbox/types.ts';
import type { World } from '../../sandbox/world.ts';
import { ask } from './server-looks.ts';

/** Everything about an environment that an aborted run must leave as it found it. Rows are none of it: the service writes on. */
export async function pictureOf(world: World, environment: string) {
  const source = world.source(environment);
  if (!source) throw new Error(`there is no source of ${environment}`);
  const { instances, jobs, profiles, secrets } = world.google.state;
  const instance = [...instances.values()].find(({ name }) => name === source.name);
  const roles = await ask(
    source,
    'postgres',
    `select rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit, rolconfig,
            array(select pg_get_userbyid(roleid)::text || case when admin_option then ' with admin' else '' end
                  from pg_auth_members where member = r.oid order by 1) as member_of
     from pg_roles r where rolname !~ '^pg_' order by rolname`,
  );
  const databases = await ask(
    source,
    'postgres',
    `select datname, pg_get_userbyid(datdba) as owner, datallowconn, array(select a::text from unnest(datacl) a order by 1) as acl from pg_database order by 1`,
  );
  const replication = await ask(source, 'postgres', `select slot_name, plugin from pg_replication_slots`);
  return {
    schema: { inapp: await schemaDump(world, source, 'inapp'), postgres: await schemaDump(world, source, 'postgres') },
    roles,
    databases: databases.map(plainAcl),
    replication,
    instances: [...instances.keys()],
    servers: world.servers.fleet.list().map(({ name }) => name),
    settings: { ...instance?.settings, settingsVersion: undefined, databaseFlags: undefined },
    users: [...(instance?.users.keys() ?? [])].sort(),
    certificates: instance?.certificates.size,
    left: [...jobs.keys(), ...profiles.keys()],
    secrets: [...secrets.keys()].sort(),
    deployments: world.deployments.list().map(({ namespace, name, replicas, environment: settings }) => ({
      name: `${namespace}/${name}`,
      replicas,
      settings: { ...settings },
    })),
  };
}
export type Picture = Awaited<ReturnType<typeof pictureOf>>;

/** The database flags of the source, by name. */
export function flagsOf(world: World, environment: string): Readonly<Record<string, string>> {
  const name = world.source(environment)?.name;
  const instance = [...world.google.state.instances.values()].find((one) => one.name === name);
  return Object.fromEntries((instance?.settings.databaseFlags ?? []).map((flag) => [flag.name ?? '', flag.value ?? '']));
}

/** A first REVOKE or GRANT writes the default ACL out; said or unsaid it means the same. */
function plainAcl(row: object): object {
  const { owner, acl, ...rest } = row as { readonly owner: string; readonly acl: readonly string[] };
  const said = acl.length > 0 ? acl : ['=Tc', `${owner}=CTc`].map((entry) => entry);
  return { ...rest, owner, acl: said.map((entry) => entry.replaceAll('"', '').replace(/\/.*$/, '')).sort() };
}

/** `pg_dump --schema-only`, without what differs from one dump to the next. */
async function schemaDump(world: World, cluster: Cluster, database: string): Promise<string> {
  const { user, password, host, port } = cluster.admin;
  const target = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`;
  const text = await run({
    program: world.servers.fleet.program(cluster.version, 'pg_dump'),
    args: ['--schema-only', '--dbname', target],
  });
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('--') && !line.startsWith('\\'))
    .join('\n');
}
