import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemMirror } from '../../sandbox/servers/apt-sources.ts';

let etc: string;

beforeEach(async () => {
  etc = await mkdtemp(join(tmpdir(), 'pgupgrade-apt-'));
  await mkdir(join(etc, 'sources.list.d'));
});
afterEach(() => rm(etc, { recursive: true }));

const source = (name: string, text: string) => writeFile(join(etc, name), text);

test('the mirror of a deb822 file is found, comments, security and other repositories left aside', async () => {
  await source('sources.list.d/aaa.sources', 'Types: deb\nURIs: https://elsewhere.test/node\nSuites: nodistro\nComponents: main\n');
  await source(
    'sources.list.d/debian.sources',
    `Types: deb
# URIs: http://old.test/debian
URIs: http://security.test/debian-security
Suites: trixie-security

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: trixie

Types: deb deb-src
URIs: http://mirror.test/debian
Suites: trixie trixie-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
`,
  );
  await expect(systemMirror(etc)).resolves.toEqual({
    uri: 'http://mirror.test/debian',
    trusted: false,
    signedBy: '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc',
  });
});

test('the mirror of a one-line file is found with its options', async () => {
  await source(
    'sources.list',
    '# deb http://old.test/debian bookworm main\ndeb cdrom:[x]/ bookworm main\ndeb [arch=amd64 signed-by=/k.gpg] http://list.test/debian bookworm main contrib\n',
  );
  await expect(systemMirror(etc)).resolves.toEqual({ uri: 'http://list.test/debian', trusted: false, signedBy: '/k.gpg' });
});

test('without a source of Debian, as on Ubuntu, it is Debian’s own address', async () => {
  await source('sources.list', 'deb http://archive.ubuntu.com/ubuntu noble main universe\n');
  await expect(systemMirror(etc)).resolves.toEqual({ uri: 'http://deb.debian.org/debian', trusted: false });
});
