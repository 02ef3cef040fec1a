import { access, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemMirror } from './apt-sources.ts';
import { openDirectory } from './cache.ts';
import { run } from './command.ts';

/** What a complete dependency closure holds that unpacked servers never touch (LLVM alone is half of the bytes). */
const unneeded =
  /^(libllvm|libz3|perl|libperl|locales|libc-l10n|coreutils|dpkg|tar|passwd|adduser|debconf|ucf|sensible|procps|postgresql-common|postgresql-client-common|lib(text|json|ipc|io|locale|number|file).*perl|netbase|ssl-cert|base-passwd|init-system|sysvinit|login|libsemanage|libsepol|libpam-modules|libproc2|libncursesw|libdb5|libgdbm|tzdata|gcc-|readline-common|lsb-base|libaudit-common|libdebconf|openssl-provider|libattr|libacl|libc-bin|usrmerge)/;

export interface Archive {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
}

export interface Apt {
  /** The closure of some packages, with the sizes that will be downloaded. */
  resolve(packages: readonly string[]): Promise<readonly Archive[]>;
  /** Downloads into a directory, checked against the suite's signed lists; files that are there and right are kept. */
  download(archives: readonly Archive[], into: string, onBytes: (bytes: number) => void): Promise<void>;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function keyring(): Promise<string | undefined> {
  for (const path of ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'])
    if (await exists(path)) return path;
  return undefined;
}

/** Throws one sentence if this machine cannot unpack Debian's packages. */
export async function requireApt(): Promise<void> {
  const places = (process.env['PATH'] ?? '').split(':');
  for (const program of ['apt-get', 'dpkg-deb', 'setpriv', 'flock']) {
    const found = await Promise.all(places.map((place) => exists(join(place, program))));
    if (!found.includes(true))
      throw new Error(
        `The sandbox unpacks PostgreSQL and Redis from Debian's own packages and needs ${program}, which is missing here: run it on Debian or Ubuntu, or in a container of node:20-bookworm.`,
      );
  }
}

/** apt with a state of its own for one suite: no root, nothing installed, the system's configuration untouched. */
export async function openApt(suite: string, directory: string): Promise<Apt> {
  const mirror = await systemMirror();
  const signedBy = mirror.signedBy ?? (await keyring());
  const state = join(directory, 'state');
  const etc = await openDirectory(join(directory, 'etc'));
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(directory, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(state, 'status'), '');
  const fields = [
    'Types: deb',
    `URIs: ${mirror.uri}`,
    `Suites: ${suite}`,
    'Components: main',
    `Architectures: ${(await run({ program: 'dpkg', args: ['--print-architecture'] })).trim()}`,
    ...(signedBy ? [`Signed-By: ${signedBy}`] : []),
    ...(mirror.trusted ? ['Trusted: yes'] : []),
  ];
  await writeFile(join(etc, 'debian.sources'), `${fields.join('\n')}\n`);
  const options = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': etc,
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State': state,
    // Empty: apt believes that nothing is installed and resolves the whole closure.
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': join(directory, 'cache'),
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  const args = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const apt = (words: readonly string[], cwd?: string) => run({ program: 'apt-get', args: [...args, ...words], ...(cwd ? { cwd } : {}) });
  await apt(['update', '-qq', '--error-on=any']).catch((error: unknown) => {
    const hint = signedBy ? '' : '; install the package debian-archive-keyring, whose keys are missing here';
    throw new Error(`Debian ${suite} cannot be read from ${mirror.uri}${hint}: ${String(error)}`, { cause: error });
  });
  return {
    async resolve(packages) {
      // One line an archive: 'URI' name_version_arch.deb bytes hash
      const lines = (await apt(['install', '--print-uris', '-qq', '-y', ...packages])).matchAll(/^'[^']+' (([^_ ]+)_\S*) (\d+)/gm);
      const archives = [...lines].map(([, file = '', name = '', bytes]) => ({ name, file, bytes: Number(bytes) }));
      return archives.filter(({ name }) => !unneeded.test(name));
    },
    async download(archives, into, onBytes) {
      const watch = setInterval(() => void directoryBytes(into).then(onBytes), 150);
      try {
        await apt(['download', '-qq', ...archives.map(({ name }) => name)], into);
      } finally {
        clearInterval(watch);
      }
    },
  };
}

async function directoryBytes(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => [] as string[]);
  const sizes = names.map((name) =>
    stat(join(directory, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
