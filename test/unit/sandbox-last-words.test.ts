import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lastWords } from '../../sandbox/servers/instance-files.ts';

const at = '2026-11-29 11:32:45.129 UTC';

test('why a server did not start is not what the dying children of the one before it say, nor its refusals', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pgupgrade-words-'));
  const log = join(folder, 'server.log');
  const earlier = `${at} [7] FATAL:  could not open directory\n`;
  const lines = [
    `${at} [9] FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use`,
    `${at} [9] HINT:  Terminate any old server processes associated with data directory "/data".`,
    `${at} [5] postgres@inapp FATAL:  terminating connection due to unexpected postmaster exit`,
    `${at} [6] cloudsqladmin@postgres FATAL:  the database system is starting up`,
  ];
  await writeFile(log, earlier + lines.join('\n'));
  try {
    expect(await lastWords(log, earlier.length)).toBe(
      'FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use HINT:  Terminate any old server processes associated with data directory "/data".',
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
