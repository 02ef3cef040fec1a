// Lets Node 20 run a .ts file as a process of its own: node --import ./test/support/typescript.mjs FILE.
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import ts from 'typescript';

if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    inlineSourceMap: true,
    verbatimModuleSyntax: true,
  };
  const { outputText } = ts.transpileModule(await readFile(fileURLToPath(url), 'utf8'), { compilerOptions, fileName: url });
  return { format: 'module', source: outputText, shortCircuit: true };
}
