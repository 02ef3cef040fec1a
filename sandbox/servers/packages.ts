import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openApt, requireApt } from './apt.ts';
import { buildOnce, cacheDirectory, key, openDirectory } from './cache.ts';
import { unpack, wrapPrograms } from './tree.ts';

/** Bytes of Debian's archives, both suites together. While the lists are read, `totalBytes` is not yet known (0). */
export interface PackageProgress {
  readonly phase: 'lists' | 'download' | 'unpack' | 'ready';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface Packages {
  /** Where everything lies; removing this directory uninstalls it. */
  readonly cache: string;
  readonly versions: readonly number[];
  /** Path of a program of one PostgreSQL major version. Throws if the sandbox has none of that version. */
  program(version: number, name: string): string;
  /** Path of redis-server, redis-cli or openssl. */
  tool(name: 'redis-server' | 'redis-cli' | 'openssl'): string;
  /** Changes when another release of the packages or another recipe is used. */
  readonly key: string;
}

interface Suite {
  readonly name: string;
  readonly version: number;
  readonly packages: readonly string[];
}

const recipe = 1;
const suites: readonly Suite[] = [
  { name: 'bookworm', version: 15, packages: ['postgresql-15', 'postgresql-15-pglogical', 'redis-server', 'openssl'] },
  { name: 'trixie', version: 17, packages: ['postgresql-17', 'postgresql-17-pglogical'] },
];
const phases = ['lists', 'download', 'unpack', 'ready'] as const;

type Report = (phase: PackageProgress['phase'], doneBytes: number, totalBytes: number) => void;

async function unpackSuite(suite: Suite, cache: string, report: Report): Promise<string> {
  const home = join(cache, 'packages', `${suite.name}-${key(recipe, ...suite.packages)}`);
  await buildOnce(home, async (unfinished) => {
    report('lists', 0, 0);
    // Lists are read anew at each attempt; archives already fetched by an interrupted one are kept, apt checks them again.
    const state = join(unfinished, '.apt');
    const archives = await openDirectory(join(cache, 'packages', `${suite.name}.archives`));
    try {
      const apt = await openApt(suite.name, state);
      const wanted = await apt.resolve(suite.packages);
      const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
      report('download', 0, total);
      // An attempt of before Debian's last update may have left an older release.
      const names = new Set(wanted.map(({ file }) => file));
      for (const name of await readdir(archives)) if (!names.has(name)) await rm(join(archives, name), { recursive: true });
      await apt.download(wanted, archives, (bytes) => report('download', Math.min(bytes, total), total));
      await unpack(archives, unfinished, (bytes) => report('unpack', Math.min(bytes, total), total));
      await wrapPrograms(unfinished, home, suite.version);
      await rm(archives, { recursive: true });
    } finally {
      await rm(state, { recursive: true, force: true });
    }
  });
  report('ready', 0, 0);
  return home;
}

/**
 * Real PostgreSQL 15 and 17 with pglogical, and Redis, out of Debian's own packages: fetched once (some 80 MB), unpacked in the cache,
 * without root and without installing anything. Throws one sentence where apt is missing or the mirror cannot be read.
 */
export async function openPackages(onProgress: (progress: PackageProgress) => void = () => undefined): Promise<Packages> {
  await requireApt();
  const cache = await cacheDirectory();
  const states = suites.map(() => ({ phase: phases.indexOf('ready'), done: 0, total: 0 }));
  const reporter =
    (index: number): Report =>
    (phase, done, total) => {
      const before = states[index]?.total ?? 0;
      states[index] = { phase: phases.indexOf(phase), done: phase === 'ready' ? before : done, total: phase === 'ready' ? before : total };
      const sum = (pick: (state: (typeof states)[number]) => number) => states.reduce((all, state) => all + pick(state), 0);
      const slowest = Math.min(...states.map((state) => state.phase));
      // What is being unpacked has been downloaded.
      const doneBytes = sum((state) => (state.phase > slowest ? state.total : state.done));
      onProgress({ phase: phases[slowest] ?? 'lists', doneBytes, totalBytes: sum((state) => state.total) });
    };
  const homes = await Promise.all(suites.map((suite, index) => unpackSuite(suite, cache, reporter(index))));
  const [first] = homes;
  const versions = suites.map(({ version }) => version);
  return {
    cache,
    versions,
    key: key(recipe, ...homes),
    program(version, name) {
      const home = homes[versions.indexOf(version)];
      if (!home) throw new Error(`The sandbox has PostgreSQL ${versions.join(' and ')}, not ${version}; choose one of these.`);
      return join(home, 'bin', name);
    },
    tool: (name) => join(first ?? '', 'bin', name),
  };
}
