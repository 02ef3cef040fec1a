import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToServer, openDirectory } from './cache.ts';
import { run } from './command.ts';
import { baseSettings, flagSettings, hostAccess, type SslMode } from './settings.ts';
import type { Authority } from './tls.ts';

/** A file that a server reads. Renamed into place, because a server may read it at any moment. */
export async function writeForServer(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await giveToServer(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
}

/** The directory of a new instance: data copied from a template, configuration and TLS files beside it. */
export async function layOut(instance: {
  readonly directory: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly template: string;
  readonly authority: Authority;
}): Promise<void> {
  const { directory, authority } = instance;
  await rm(directory, { recursive: true, force: true });
  await openDirectory(directory);
  const copied = run({ program: 'cp', args: ['-a', '--reflink=auto', instance.template, join(directory, 'data')] });
  const server = await authority.sign({ commonName: instance.name, address: instance.host, days: 3650 });
  await writeForServer(join(directory, 'server.pem'), server.certificate);
  await writeForServer(join(directory, 'server.key'), server.privateKey);
  await writeForServer(join(directory, 'ca.pem'), authority.certificate);
  const settings = await baseSettings(instance);
  await writeForServer(join(directory, 'postgresql.conf'), `${settings}include = 'flags.conf'\n`);
  await copied;
}

export function writeFlags(directory: string, flags: Readonly<Record<string, string>>): Promise<void> {
  return writeForServer(join(directory, 'flags.conf'), flagSettings(flags));
}

export function writeAccess(directory: string, mode: SslMode): Promise<void> {
  return writeForServer(join(directory, 'pg_hba.conf'), hostAccess(mode));
}

export async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** What a server said when it would not start: its last FATAL with detail and hint, out of what it logged from an offset on. */
export async function lastWords(log: string, offset: number): Promise<string> {
  const handle = await open(log);
  try {
    const length = Math.max(0, (await sizeOf(log)) - offset);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, offset);
    // Our own knocking is refused with a FATAL too, and children of a killed postmaster end with one: that is not why it did not start.
    const lines = buffer
      .toString('utf8')
      .trim()
      .split('\n')
      .filter((line) => !/FATAL: {2}(the database system is |terminating )/.test(line));
    const from = lines.findLastIndex((line) => /FATAL:|PANIC:/.test(line));
    const words = lines.slice(from).filter((line) => from < 0 || /FATAL:|PANIC:|DETAIL:|HINT:/.test(line));
    return words
      .map((line) => line.replace(/^.*?((FATAL|PANIC|DETAIL|HINT):)/, '$1'))
      .join(' ')
      .slice(-600);
  } finally {
    await handle.close();
  }
}
