import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compiled } from './compiled.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CompiledCli {
  /** Starts `npx pgupgrade …`; `signal` sends one to it. */
  start(args: readonly string[]): { readonly ended: Promise<Ended>; signal(name: NodeJS.Signals): void };
  remove(): Promise<void>;
}

/** The command line as it is installed, compiled from what is here now. */
export async function compileCli(): Promise<CompiledCli> {
  const files = await readdir(join(import.meta.dirname, '../../src'), { recursive: true });
  const { program, remove } = await compiled(
    'cli',
    files.filter((name) => name.endsWith('.ts')).map((name) => join('src', name)),
  );
  return {
    start(args) {
      const child = spawn(process.execPath, [program('src/cli.ts'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      const said = { stdout: '', stderr: '' };
      for (const stream of ['stdout', 'stderr'] as const)
        child[stream].setEncoding('utf8').on('data', (text: string) => {
          said[stream] += text;
        });
      const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...said })));
      return { ended, signal: (name) => void child.kill(name) };
    },
    remove,
  };
}
