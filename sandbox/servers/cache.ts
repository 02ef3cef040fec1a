import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { serverIdentity } from './command.ts';

/** A short name that changes with the recipe. */
export function key(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}

/** Directories of ours are open to the account that the servers run as, whatever the caller's umask is. */
export async function openDirectory(path: string): Promise<string> {
  const first = await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
  // Also the directories above it that were missing; those that were there are somebody else's.
  for (let above = dirname(path); first && above.startsWith(first); above = dirname(above)) await chmod(above, 0o755);
  return path;
}

/** A directory or file that a server itself writes or keeps secret. */
export async function giveToServer(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
  const identity = serverIdentity();
  if (identity) await chown(path, identity.uid, identity.gid);
}

/**
 * The same directory, or, as root below a directory like /root that `nobody` may not enter, a stand-in under /var/tmp:
 * the servers do not run as root.
 */
export async function reachable(path: string): Promise<string> {
  const wanted = resolve(path);
  if (!serverIdentity()) return wanted;
  for (let above = wanted; above !== dirname(above); above = dirname(above)) {
    const mode = await stat(above).then(
      (found) => found.mode,
      () => undefined,
    );
    // Our own directories are opened by openDirectory; only what is above them can be closed for good.
    if (mode !== undefined && above !== wanted && (mode & 0o001) === 0) return join('/var/tmp', `pgupgrade-${key(wanted)}`);
  }
  return wanted;
}

/** `PGUPGRADE_CACHE`, or ~/.cache/pgupgrade. Removing it uninstalls the servers. */
export async function cacheDirectory(): Promise<string> {
  const asked = process.env['PGUPGRADE_CACHE'];
  const wanted = asked ? resolve(asked) : join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pgupgrade');
  try {
    return await openDirectory(await reachable(wanted));
  } catch (error) {
    if (asked) throw new Error(`The cache directory ${wanted} cannot be made; set PGUPGRADE_CACHE to one that can.`, { cause: error });
    // Accounts without a home (nobody) still get a sandbox.
    return openDirectory(join(tmpdir(), `pgupgrade-${process.getuid?.() ?? 'cache'}`));
  }
}

/**
 * Holds a lock between processes: `flock` keeps it as long as its standard input is open, so the kernel frees it when this process is
 * killed. Answers how to let go, or undefined if it is not free within the seconds given.
 */
export function lock(file: string, waitSeconds: number): Promise<(() => Promise<void>) | undefined> {
  return new Promise((done, fail) => {
    const child = spawn('flock', ['-w', String(waitSeconds), file, 'sh', '-c', 'echo locked; cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const ended = new Promise<void>((end) => child.on('close', () => end()));
    child.on('error', (error) => fail(new Error(`flock (of Debian's util-linux) cannot be run: ${error.message}`)));
    child.stdout.once('data', () =>
      done(async () => {
        child.stdin.end();
        await ended;
      }),
    );
    void ended.then(() => done(undefined));
  });
}

async function complete(directory: string): Promise<boolean> {
  // The unpacked programs know their own place, so a cache that was moved is built anew.
  return (await readFile(join(directory, '.complete'), 'utf8').catch(() => '')) === directory;
}

/**
 * Makes a directory of the cache once. It is built beside its place and renamed when finished, so what exists is whole; two processes
 * build it one after the other and the second finds it made.
 */
export async function buildOnce(directory: string, build: (unfinished: string) => Promise<void>): Promise<string> {
  if (await complete(directory)) return directory;
  await openDirectory(dirname(directory));
  const release = await lock(`${directory}.lock`, 900);
  if (!release) throw new Error(`Another process has been making ${directory} for 15 minutes; end it and start again.`);
  try {
    if (await complete(directory)) return directory;
    const stale = (await readdir(dirname(directory))).filter((name) => name.startsWith(`${basename(directory)}.unfinished-`));
    for (const name of [...stale, basename(directory)]) await rm(join(dirname(directory), name), { recursive: true, force: true });
    const unfinished = await openDirectory(`${directory}.unfinished-${process.pid}`);
    await build(unfinished);
    await writeFile(join(unfinished, '.complete'), directory);
    await rename(unfinished, directory);
    return directory;
  } finally {
    await release();
  }
}
