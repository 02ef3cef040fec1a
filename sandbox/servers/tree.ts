import { copyFile, mkdir, open, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDirectory } from './cache.ts';
import { run } from './command.ts';

/** Unpacks every archive of a directory, in its order. `onBytes`: bytes of the archives done so far. */
export async function unpack(archives: string, root: string, onBytes: (bytes: number) => void): Promise<void> {
  let done = 0;
  for (const name of (await readdir(archives)).filter((file) => file.endsWith('.deb')).sort()) {
    const file = join(archives, name);
    await run({ program: 'dpkg-deb', args: ['-x', file, root] });
    done += (await stat(file)).size;
    onBytes(done);
  }
  for (const superfluous of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/lintian', 'etc', 'var'])
    await rm(join(root, superfluous), { recursive: true, force: true });
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

async function isElf(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await handle.close();
  }
}

/** The suite's own loader and libraries: the host's may be older than the programs. Paths are relative to the tree. */
async function loader(root: string): Promise<{ readonly loader: string; readonly libraries: readonly string[] }> {
  const libraries: string[] = [];
  let found: string | undefined;
  for (const base of ['usr/lib', 'lib'])
    for (const name of await readdir(join(root, base)).catch(() => [] as string[])) {
      if (!/-linux-gnu/.test(name)) continue;
      libraries.push(join(base, name));
      const file = (await readdir(join(root, base, name))).find((entry) => /^ld-linux.*\.so\.\d$/.test(entry));
      if (file) found ??= join(base, name, file);
    }
  if (!found) throw new Error(`The packages unpacked in ${root} hold no dynamic loader; remove the cache directory and start again.`);
  return { loader: found, libraries };
}

/** Makes programs that run with the tree's own loader and libraries. `at` and `elf` lie below the tree; `home` is where it will be. */
export async function wrapperIn(root: string, home: string): Promise<(at: string, elf: string) => Promise<void>> {
  const { loader: ld, libraries } = await loader(root);
  const path = libraries.map((directory) => join(home, directory)).join(':');
  return async (at, elf) => {
    const text = `#!/bin/sh\nexec ${quoted(join(home, ld))} --library-path ${quoted(path)} ${quoted(join(home, elf))} "$@"\n`;
    await writeFile(join(root, at), text, { mode: 0o755 });
    await run({ program: 'chmod', args: ['755', join(root, at)] });
  };
}

/**
 * Makes `bin/` with programs that run with the tree's own loader. PostgreSQL finds share/ and lib/ from its own path if that ends in
 * lib/postgresql/V/bin, and its tools look for `postgres` beside themselves: hence two such directories, `elf` with the real postgres
 * and wrappers of the tools, `tool` with the real tools and a wrapper of postgres.
 */
export async function wrapPrograms(root: string, home: string, version: number): Promise<void> {
  const wrapper = await wrapperIn(root, home);
  await openDirectory(join(root, 'bin'));
  const own = `lib/postgresql/${version}`;
  // Without LLVM in the tree the first expensive query would die of the missing library; without the file PostgreSQL just does not JIT.
  for (const jit of ['llvmjit.so', 'llvmjit_types.bc', 'bitcode'])
    await rm(join(root, 'usr', own, 'lib', jit), { recursive: true, force: true });
  for (const kind of ['elf', 'tool']) {
    await mkdir(join(root, kind, own, 'bin'), { recursive: true, mode: 0o755 });
    await mkdir(join(root, kind, 'share'), { recursive: true, mode: 0o755 });
    await symlink(join(home, 'usr', own, 'lib'), join(root, kind, own, 'lib'));
    await symlink(join(home, 'usr/share/postgresql'), join(root, kind, 'share/postgresql'));
  }
  await run({ program: 'chmod', args: ['-R', 'a+rX', join(root, 'elf'), join(root, 'tool')] });
  for (const program of await readdir(join(root, 'usr', own, 'bin'))) {
    const from = join(root, 'usr', own, 'bin', program);
    if (!(await isElf(from))) continue;
    const [real, other] = program === 'postgres' ? ['elf', 'tool'] : ['tool', 'elf'];
    await copyFile(from, join(root, real, own, 'bin', program));
    await run({ program: 'chmod', args: ['755', join(root, real, own, 'bin', program)] });
    await wrapper(join(other, own, 'bin', program), join(real, own, 'bin', program));
    await symlink(join(home, other, own, 'bin', program), join(root, 'bin', program));
  }
  for (const program of ['redis-server', 'redis-cli', 'openssl']) {
    const elf = join('usr/bin', program);
    if (
      await stat(join(root, elf)).then(
        () => true,
        () => false,
      )
    )
      await wrapper(join('bin', program), elf);
  }
}
