import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { openApt } from '../sandbox/servers/apt.ts';
import { buildOnce, key, openDirectory } from '../sandbox/servers/cache.ts';
import type { Packages } from '../sandbox/servers/packages.ts';
import { unpack, wrapperIn } from '../sandbox/servers/tree.ts';
import type { Connection } from '../sandbox/types.ts';

export interface Pgcopydb {
  readonly version: string;
  /** `compare data`, with its own defaults. Throws what it said where it does not exit with 0. */
  compare(source: Connection, target: Connection, database: string): Promise<void>;
}

/** Debian bookworm's has no `compare` yet. */
const suite = 'trixie';

/** pgcopydb out of Debian's own package, unpacked into the sandbox's cache like the servers; or why it cannot be had here. */
export async function findPgcopydb(packages: Packages): Promise<Pgcopydb | { readonly missing: string }> {
  try {
    const home = await unpacked(packages.cache);
    const program = join(home, 'bin', 'pgcopydb');
    // It looks for psql and pg_dump, too.
    const path = [dirname(packages.program(17, 'psql')), process.env['PATH'] ?? ''].join(delimiter);
    const said = await run(program, ['--version'], { PATH: path });
    return {
      version: /pgcopydb version (\S+)/.exec(said)?.[1] ?? said.trim(),
      async compare(source, target, database) {
        const directory = await mkdtemp(join(tmpdir(), 'pgupgrade-pgcopydb-'));
        try {
          await run(program, ['compare', 'data', '--dir', join(directory, 'work')], {
            PATH: path,
            PGCOPYDB_SOURCE_PGURI: uri(source, database),
            PGCOPYDB_TARGET_PGURI: uri(target, database),
          });
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      },
    };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

function unpacked(cache: string): Promise<string> {
  const home = join(cache, 'packages', `pgcopydb-${key(suite)}`);
  return buildOnce(home, async (unfinished) => {
    const state = join(unfinished, '.apt');
    const archives = await openDirectory(join(unfinished, '.archives'));
    const apt = await openApt(suite, state);
    const wanted = await apt.resolve(['pgcopydb']);
    await apt.download(wanted, archives, () => undefined);
    await unpack(archives, unfinished, () => undefined);
    await openDirectory(join(unfinished, 'bin'));
    const wrap = await wrapperIn(unfinished, home);
    await wrap('bin/pgcopydb', 'usr/bin/pgcopydb');
    for (const superfluous of [state, archives]) await rm(superfluous, { recursive: true, force: true });
  });
}

function uri({ host, port, user, password }: Connection, database: string): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`;
}

function run(program: string, args: readonly string[], more: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { HOME: tmpdir(), LC_ALL: 'C', ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve(said)
        : reject(new Error(`pgcopydb ${args.join(' ')} ended with ${code}: ${said.trim().split('\n').slice(-3).join(' · ')}`)),
    );
  });
}
