import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

test('in a folder whose name has a space and a percent sign the project’s files are found', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'with space 100%-'));
  try {
    const copy = join(folder, 'compiled.ts');
    await copyFile(fileURLToPath(new URL('../../sandbox/compiled.ts', import.meta.url)), copy);
    const { compiled, ofProject }: typeof import('../../sandbox/compiled.ts') = await import(/* @vite-ignore */ pathToFileURL(copy).href);
    expect(compiled('src/main.js')).toBe(join(tmpdir(), 'dist/src/main.js'));
    expect(ofProject('services')).toBe(join(tmpdir(), 'services'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
