import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { prepareSource } from '../../sandbox/seed/prepare-source.ts';
import { endLeftovers } from '../../sandbox/servers/daemon.ts';
import { createFleet } from '../../sandbox/servers/fleet.ts';
import { openServers, type Servers } from '../../sandbox/servers/open-servers.ts';
import { openPackages } from '../../sandbox/servers/packages.ts';
import { withSession } from '../../sandbox/servers/session.ts';
import type { Cluster } from '../../sandbox/types.ts';

const project = 'ems-mobile-engage-staging';
let workDir: string;
let servers: Servers;
let source: Cluster;
let destination: Cluster;

beforeAll(async () => {
  // A space in the path, because people have them.
  workDir = await mkdtemp(join(tmpdir(), 'pgupgrade servers-'));
  servers = await openServers({ workDir });
  const flags = { 'cloudsql.logical_decoding': 'on', 'cloudsql.enable_pglogical': 'on' };
  [source, destination] = await Promise.all([
    prepareSource(servers.fleet, { name: 'source', project, scale: 1, flags: {}, rootPassword: 'root', bigqueryPassword: 'bq' }),
    servers.fleet.create({ name: 'destination', version: 17, flags, rootPassword: 'root' }),
  ]);
});

afterAll(async () => {
  await servers?.close();
  await rm(workDir, { recursive: true, force: true });
});

type As = Partial<Record<'user' | 'password' | 'database', string>>;

async function rows(cluster: Cluster, text: string, as: As = {}): Promise<readonly Record<string, unknown>[]> {
  const session = { ...cluster.admin, user: 'postgres', password: 'root', database: 'postgres', ca: cluster.serverCa, ...as };
  return withSession(session, async (client) => {
    const answer: unknown = await client.query(text);
    const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer;
    return (last as { rows: Record<string, unknown>[] }).rows;
  });
}

const asAdmin = (cluster: Cluster) => ({ user: cluster.admin.user, password: cluster.admin.password });
const application = { user: `me-inapp@${project}.iam`, password: 'iam-token', database: 'inapp' };

async function login(cluster: Cluster, user: string, password: string, ssl: object | false): Promise<string> {
  const socket = new Socket();
  const client = new Client({ host: cluster.host, port: cluster.port, user, password, database: 'postgres', ssl, stream: () => socket });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return 'welcome';
  } catch (error) {
    // After a refused connection pg's end() may wait for ever.
    socket.destroy();
    return error instanceof Error ? error.message : String(error);
  }
}

describe('rights as on Cloud SQL', () => {
  test.each(['source', 'destination'] as const)('on the %s, postgres is no superuser and becomes one only by SET ROLE', async (side) => {
    const cluster = side === 'source' ? source : destination;
    await expect(rows(cluster, "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = 'postgres'")).resolves.toEqual([
      { rolsuper: false, rolcreaterole: true, rolcreatedb: true },
    ]);
    await expect(rows(cluster, 'alter role postgres superuser')).rejects.toThrow(/superuser|permission denied/i);
    await expect(rows(cluster, 'create publication p for all tables')).rejects.toThrow(/superuser/);
    await expect(rows(cluster, "select pg_read_file('/etc/passwd')")).rejects.toThrow(/permission denied/);
    await expect(
      rows(cluster, 'set role cloudsqlpatched; create publication p for all tables; drop publication p; reset role; select current_user'),
    ).resolves.toEqual([{ current_user: 'postgres' }]);
  });

  test('pglogical is refused to plain postgres and made through the patched role, whose objects postgres then may grant', async () => {
    await source.configure({ 'cloudsql.logical_decoding': 'on', 'cloudsql.enable_pglogical': 'on' }, true);
    await source.createUser({ name: 'reader-of-pglogical', type: 'BUILT_IN', password: 'x' });
    await expect(rows(source, 'create extension pglogical')).rejects.toThrow(/permission denied to create extension "pglogical"/);
    await rows(
      source,
      'set role cloudsqlpatched; create extension pglogical; reset role; grant usage on schema pglogical to "reader-of-pglogical"',
    );
    await expect(rows(source, "select has_schema_privilege('reader-of-pglogical', 'pglogical', 'usage') as may")).resolves.toEqual([
      { may: true },
    ]);
    await rows(source, 'set role cloudsqlpatched; drop extension pglogical; drop schema pglogical');
    await source.dropUser('reader-of-pglogical');
  });

  test('built-in users are members of cloudsqlsuperuser, IAM users are not, and postgres may join both', async () => {
    await destination.createUser({ name: 'migration', type: 'BUILT_IN', password: 'secret' });
    await destination.createUser({ name: application.user, type: 'IAM' });
    await expect(
      rows(
        destination,
        `select pg_has_role('migration', 'cloudsqlsuperuser', 'member') as built_in, pg_has_role('${application.user}', 'cloudsqlsuperuser', 'member') as iam`,
      ),
    ).resolves.toEqual([{ built_in: true, iam: false }]);
    await rows(destination, `grant "${application.user}" to postgres with inherit true, set true`);
    await expect(rows(destination, `select pg_has_role('${application.user}', 'usage') as usage`)).resolves.toEqual([{ usage: true }]);
    await rows(destination, `revoke "${application.user}" from postgres granted by postgres`);
    await destination.dropUser('migration');
    await expect(rows(destination, "select 1 from pg_roles where rolname = 'migration'")).resolves.toEqual([]);
  });

  test('nobody but the system roles may enter the database cloudsqladmin, where an agent keeps writing', async () => {
    await expect(rows(source, 'select 1', { database: 'cloudsqladmin' })).rejects.toThrow(/permission denied for database/);
    const beat = async () =>
      (await rows(source, 'select at::text from heartbeat', { ...asAdmin(source), database: 'cloudsqladmin' }))[0]?.['at'];
    const before = await beat();
    await vi.waitFor(async () => expect(await beat()).not.toBe(before), { timeout: 10_000 });
  });
});

describe('TLS', () => {
  const ca = () => ({ ca: source.serverCa, checkServerIdentity: () => undefined });

  test('a session without TLS is refused until the instance allows it', async () => {
    await expect(login(source, 'postgres', 'root', false)).resolves.toMatch(/no encryption/);
    await source.setSslMode('ALLOW_UNENCRYPTED_AND_ENCRYPTED');
    await expect(login(source, 'postgres', 'root', false)).resolves.toBe('welcome');
    await source.setSslMode('ENCRYPTED_ONLY');
    await expect(login(source, 'postgres', 'root', false)).resolves.toMatch(/no encryption/);
  });

  test('the certificate is of the instance’s own authority', async () => {
    await expect(login(source, 'postgres', 'root', ca())).resolves.toBe('welcome');
    await expect(login(source, 'postgres', 'root', { ...ca(), ca: destination.serverCa })).resolves.toMatch(/certificate/);
  });

  test('a client certificate that is shown must be signed by this instance, and the password is needed all the same', async () => {
    await source.createUser({ name: 'migration', type: 'BUILT_IN', password: 'secret' });
    const own = await source.clientCertificate('pgupgrade-0a1b2c3d');
    const foreign = await destination.clientCertificate('pgupgrade-0a1b2c3d');
    expect(own.sha1Fingerprint).toMatch(/^[0-9a-f]{40}$/);
    const by = (signed: typeof own) => ({ ...ca(), cert: signed.certificate, key: signed.privateKey });
    await expect(login(source, 'migration', 'secret', ca())).resolves.toBe('welcome');
    await expect(login(source, 'migration', 'secret', by(foreign))).resolves.not.toBe('welcome');
    await expect(login(source, 'migration', 'wrong', by(own))).resolves.toMatch(/password authentication failed/);
    await expect(login(source, 'migration', 'secret', by(own))).resolves.toBe('welcome');
    await source.dropUser('migration');
  });
});

describe('the seed', () => {
  test('belongs to the application’s user, has what the procedure meets, and no pglogical', async () => {
    const inapp = { database: 'inapp' };
    await expect(
      rows(source, "select datname, pg_get_userbyid(datdba) as owner from pg_database where datname in ('inapp', 'postgres') order by 1"),
    ).resolves.toEqual([
      { datname: 'inapp', owner: application.user },
      { datname: 'postgres', owner: 'cloudsqlsuperuser' },
    ]);
    const strangers = `select relname from pg_class where relnamespace::regnamespace::text in ('public', 'audience_data') and pg_get_userbyid(relowner) <> '${application.user}'`;
    await expect(rows(source, strangers, inapp)).resolves.toEqual([]);
    await expect(
      rows(source, "select pg_get_constraintdef(oid) as def from pg_constraint where condeferrable and contype = 'u'", inapp),
    ).resolves.toEqual([{ def: 'UNIQUE (customer_id, application_code, priority) DEFERRABLE INITIALLY DEFERRED' }]);
    const keyless = `select c.oid::regclass::text as name from pg_class c where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'audience_data')
      and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`;
    await expect(rows(source, keyless, inapp)).resolves.toEqual([{ name: 'knex_migrations_lock' }]);
    await expect(rows(source, "select 1 from pg_extension where extname = 'pglogical'", inapp)).resolves.toEqual([]);
    await expect(rows(source, 'select count(*)::int as n from campaign', { ...inapp, user: 'bigquery', password: 'bq' })).resolves.toEqual([
      { n: 5000 },
    ]);
  });

  test('lets the application make partitions and priorities swap', async () => {
    await rows(
      source,
      `create table audience_data.member_77 partition of audience_data.member for values in (77);
       drop table audience_data.member_77;
       begin;
       update campaign set priority = 1 - priority where customer_id = 100 and application_code = 'APP-0' and priority in (0, 1);
       rollback`,
      application,
    );
  });
});

describe('life of an instance', () => {
  test('a restart brings the flags into force, and what the flags forbid is said', async () => {
    await source.configure({ 'cloudsql.logical_decoding': 'on', max_replication_slots: '17' }, true);
    await expect(
      rows(
        source,
        "select current_setting('wal_level') as wal, current_setting('cloudsql.logical_decoding') as flag, current_setting('max_replication_slots') as slots",
      ),
    ).resolves.toEqual([{ wal: 'logical', flag: 'on', slots: '17' }]);
    await rows(source, "select pg_create_logical_replication_slot('held', 'pgoutput')", asAdmin(source));
    await expect(source.configure({ 'cloudsql.logical_decoding': null }, true)).rejects.toThrow(
      /Instance source did not start: .*logical replication slot "held" exists, but wal_level < logical/,
    );
    expect(source.running()).toBe(false);
    await source.configure({ 'cloudsql.logical_decoding': 'on' }, true);
    await rows(source, "select pg_drop_replication_slot('held')", asAdmin(source));
  });

  test('killed with -9, it comes back by itself with every commit', async () => {
    const killed = destination.pid();
    if (killed === undefined) throw new Error('The destination is not running.');
    await rows(destination, 'create table survives (n integer); insert into survives values (42)');
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(
      async () => {
        expect(destination.pid()).not.toBe(killed);
        expect(await rows(destination, 'select n from survives')).toEqual([{ n: 42 }]);
      },
      { timeout: 30_000 },
    );
    await rows(destination, 'drop table survives');
  });

  test('Redis keeps what it acknowledged when it is killed with -9', async () => {
    const client = new Redis(servers.redis.url);
    client.on('error', () => undefined);
    await client.set('kept', 'yes');
    await expect(client.config('GET', 'appendfsync')).resolves.toEqual(['appendfsync', 'always']);
    process.kill(servers.redis.pid() ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(servers.redis.running()).toBe(false));
    await servers.redis.restart();
    await expect(client.get('kept')).resolves.toBe('yes');
    client.disconnect();
  });

  test('a file given to the servers is private and readable by them', async () => {
    const path = await servers.fleet.share('note.txt', 'for you');
    await expect(rows(source, `select pg_read_file('${path}') as text`, asAdmin(source))).resolves.toEqual([{ text: 'for you' }]);
  });
});

describe('directories', () => {
  test('a machine without apt is told in one sentence what is needed', async () => {
    vi.stubEnv('PATH', '/nowhere');
    try {
      await expect(openPackages()).rejects.toThrow(/^The sandbox unpacks .* needs apt-get, which is missing here: run it on Debian .*\.$/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('a second sandbox in the same directory is refused', async () => {
    await expect(createFleet({ workDir, packages: servers.packages })).rejects.toThrow(/Another sandbox is running in /);
  });

  test('what a killed sandbox left behind is gone when the next one has started', async () => {
    const place = await mkdtemp(join(tmpdir(), 'pgupgrade-killed-'));
    const first = spawn(
      process.execPath,
      [
        '--import',
        new URL('../support/typescript.mjs', import.meta.url).href,
        fileURLToPath(new URL('../support/servers-process.ts', import.meta.url)),
        place,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const said = await new Promise<string>((resolve, reject) => {
      first.stdout.setEncoding('utf8').once('data', resolve);
      first.once('exit', () => reject(new Error('The first sandbox ended before it was killed.')));
    });
    const pids = Object.values(JSON.parse(said) as Record<string, number>);
    expect(pids.map((pid) => existsSync(`/proc/${pid}/stat`))).toEqual([true, true]);
    first.removeAllListeners('exit');
    first.kill('SIGKILL');
    const second = await openServers({ workDir: place });
    const running = pids.filter((pid) => existsSync(`/proc/${pid}/exe`));
    await second.fleet.create({ name: 'left-over', version: 17, flags: {} });
    await second.close();
    await rm(place, { recursive: true, force: true });
    expect(running).toEqual([]);
  });

  test('a left-over server is ended by its pid file, a stranger with the same pid is not', async () => {
    const place = await mkdtemp(join(tmpdir(), 'pgupgrade-pids-'));
    const sleeper = (word: string) => spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)', word], { stdio: 'ignore' });
    const [ours, stranger] = [sleeper(place), sleeper('something else')];
    await Promise.all([ours, stranger].map((child) => new Promise((resolve) => child.once('spawn', resolve))));
    const ended = new Promise((resolve) => ours.once('exit', (_code, signal) => resolve(signal)));
    await writeFile(join(place, 'ours'), `${ours.pid}\n${place}\n`);
    await writeFile(join(place, 'stranger'), `${stranger.pid}\n${place}\n`);
    await endLeftovers(place);
    await expect(ended).resolves.toBe('SIGQUIT');
    expect(stranger.kill(0)).toBe(true);
    stranger.kill('SIGKILL');
    await expect(readdir(place)).resolves.toEqual([]);
    await rm(place, { recursive: true });
  });
});
