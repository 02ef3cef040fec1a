import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * Compiles the worker of the world of files once, so that each process of it starts in a fraction of a second. Inside the
 * project, because packages are looked up from there.
 */
export async function compileWorker(): Promise<{ readonly program: string; remove(): Promise<void> }> {
  const target = join(import.meta.dirname, '../../.work', `worker-${process.pid}`);
  const root = join(import.meta.dirname, '../..');
  const sources = ['src/errors.ts', ...(await listed('src/engine')), ...(await listed('src/jobs'))];
  sources.push(...['file-worker-process.ts', 'file-worker.ts', 'file-runbook.ts'].map((name) => `test/support/${name}`));
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  for (const source of sources) {
    const { outputText } = ts.transpileModule(await readFile(join(root, source), 'utf8'), { compilerOptions, fileName: source });
    const file = join(target, source.replace(/\.ts$/, '.js'));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, outputText);
  }
  return {
    program: join(target, 'test/support/file-worker-process.js'),
    remove: () => rm(target, { recursive: true, force: true }),
  };

  async function listed(folder: string): Promise<readonly string[]> {
    return (await readdir(join(root, folder))).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
  }
}
