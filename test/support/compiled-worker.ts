import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compiled } from './compiled.ts';

/** The worker of the world of files, as a program. */
export async function compileWorker(): Promise<{ readonly program: string; remove(): Promise<void> }> {
  const main = 'test/support/file-worker-process.ts';
  const sources = ['src/errors.ts', ...(await listed('src/engine')), ...(await listed('src/jobs')), main];
  sources.push(...['file-worker.ts', 'file-runbook.ts'].map((name) => `test/support/${name}`));
  const { program, remove } = await compiled('worker', sources);
  return { program: program(main), remove };
}

async function listed(folder: string): Promise<readonly string[]> {
  const files = await readdir(join(import.meta.dirname, '../..', folder));
  return files.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
}
