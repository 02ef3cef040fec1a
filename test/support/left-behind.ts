import type { Redis } from 'ioredis';
import pg from 'pg';
import type { Cluster } from '../../sandbox/types.ts';
import type { World } from '../../sandbox/world.ts';
import type { RunHeader } from '../../src/engine/facts.ts';
import { openQueues } from '../../src/jobs/queues.ts';

/** Of either stage. */
type Looked = { readonly redis: Redis };

/** What stands there after a finished run and should not, or twice, one line each; seen from outside. */
export async function leftBehind(world: World, stage: Looked, header: RunHeader): Promise<readonly string[]> {
  const { environment, run } = header;
  const source = world.source(environment);
  const destination = world.servers.fleet.list().findLast(({ name }) => name.startsWith(`me-inapp-${environment}-`));
  if (!source || !destination || source === destination) return [`there are no two servers of ${environment}`];
  return [
    ...google(world, header, [source.name, destination.name]),
    ...(await onSource(source, run)),
    ...(await onDestination(destination, header)),
    ...(await inRedis(world, stage, run)),
  ];
}

/** The same after a rollback, of what a picture of the source does not show. */
export async function leftByRollback(world: World, stage: Looked, { environment, run }: RunHeader): Promise<readonly string[]> {
  const source = world.source(environment);
  if (!source) return [`there is no source of ${environment}`];
  return [...(await onSource(source, run)), ...(await inRedis(world, stage, run))];
}

function google({ google: { state } }: World, { environment, uid }: RunHeader, servers: readonly string[]): readonly string[] {
  const own = `-${environment}-`;
  const instances = [...state.instances.values()].filter(({ name }) => name.includes(own));
  return [
    ...instances.filter(({ name }) => !servers.includes(name)).map(({ name }) => `instance ${name}`),
    ...instances.flatMap(({ name, certificates }) =>
      [...certificates.values()].map(({ commonName }) => `certificate ${commonName} of ${name}`),
    ),
    ...instances.flatMap(({ name, users }) => (users.has('cloudsqlexternalsync') ? [`user cloudsqlexternalsync of ${name}`] : [])),
    ...[...state.jobs.keys(), ...state.profiles.keys()].filter((name) => name.includes(uid)),
    ...[...state.secrets].filter(([name, { versions }]) => name.includes(uid) && versions.length > 0).map(([name]) => `secret ${name}`),
    ...[...state.operations.values()].filter(({ done }) => !done).map(({ name }) => `operation ${name} is open`),
    ...[...state.sqlOperations.values()].filter(({ status }) => status !== 'DONE').map(({ name }) => `operation ${name} is open`),
  ];
}

async function onSource(source: Cluster, run: string): Promise<readonly string[]> {
  return await named(source, [
    [`slot of the job`, `select slot_name from pg_replication_slots where plugin = 'pglogical_output'`],
    [`session of the run`, `select application_name from pg_stat_activity where starts_with(application_name, 'pgupgrade/${run}/')`],
    [`advisory lock`, `select objid::text from pg_locks where locktype = 'advisory' and granted`],
  ]);
}

async function onDestination(destination: Cluster, { run, uid }: RunHeader): Promise<readonly string[]> {
  return await named(destination, [
    [`session of the run`, `select application_name from pg_stat_activity where starts_with(application_name, 'pgupgrade/${run}/')`],
    [`role`, `select rolname from pg_roles where rolname = 'cloudsqlexternalsync'`],
    [`slot that is not the way back's`, `select slot_name from pg_replication_slots where slot_name <> 'pgupgrade_wayback_${uid}'`],
    [
      `the bot is still a member of`,
      `select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
       where u.rolname = 'postgres' and (m.inherit_option or m.set_option) and r.rolname not like 'pg\\_%' and r.rolname not like 'cloudsql%'`,
    ],
    [`pglogical in postgres`, `select extname from pg_extension where extname = 'pglogical'`, 'postgres'],
    [`pglogical in inapp`, `select extname from pg_extension where extname = 'pglogical'`, 'inapp'],
  ]);
}

/** The first column of each row, behind what it is. */
async function named(cluster: Cluster, looks: readonly (readonly [string, string, string?])[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [what, sql, database = 'postgres'] of looks) {
    const client = new pg.Client({ ...cluster.admin, database, ssl: { rejectUnauthorized: false } });
    await client.connect();
    try {
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
      found.push(...rows.map(([value]) => `${what}: ${String(value)} (${cluster.name})`));
    } finally {
      await client.end();
    }
  }
  return found;
}

async function inRedis(world: World, { redis }: Looked, run: string): Promise<readonly string[]> {
  const queues = openQueues(world.environment.REDIS_URL, 'pgupgrade', () => undefined);
  try {
    const jobs = await Promise.all([queues.steps, queues.timed].map((queue) => queue.getJobs()));
    const [lease, claims] = await Promise.all([redis.exists(`pgupgrade:lease:${run}`), redis.hvals('pgupgrade:claims')]);
    return [
      // An expiry stays until its time has come, and then finds that nothing is owed.
      ...jobs.flat().flatMap((job) => (job.name === 'gate-expiry' ? [] : [`job ${job.id}`])),
      ...(lease === 1 ? [`the lease of ${run}`] : []),
      ...(claims.includes(run) ? [`the claim of ${run}`] : []),
    ];
  } finally {
    await queues.close();
  }
}
