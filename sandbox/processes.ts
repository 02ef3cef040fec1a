import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { compiled } from './compiled.ts';
import { guarded } from './servers/command.ts';

export interface BotProcesses {
  readonly role: 'bot' | 'worker';
  readonly pid: number;
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  close(): Promise<void>;
}
const entry = compiled('src/main.js');
const graceMs = 10_000;

/** Production's own entry point, configured by its environment alone; resolves when it says that it is ready. */
export async function startBot(
  role: 'bot' | 'worker',
  environment: Readonly<Record<string, string>>,
  options: { readonly log?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<BotProcesses> {
  // A bot that outlived a killed sandbox would answer in the next one's Slack.
  const [program, args] = guarded({ program: process.execPath, args: ['--enable-source-maps', entry, role] }, 'KILL');
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LC_ALL: 'C.UTF-8', ...environment, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  let tail = '';
  const log = options.log === undefined ? undefined : await logTo(options.log);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-4_000);
      log?.write(chunk);
    });
  }
  await ready(child, exited, () => tail, role);
  return {
    role,
    pid: child.pid ?? 0,
    exited,
    kill: (signal) => void child.kill(signal),
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
        await exited;
        clearTimeout(timer);
      }
      log?.end();
    },
  };
}

async function logTo(path: string) {
  await mkdir(dirname(path), { recursive: true });
  return createWriteStream(path, { flags: 'a' });
}

/** The process writes `"ready"` to its log once it takes commands or jobs. */
function ready(child: ChildProcess, exited: Promise<number | null>, tail: () => string, role: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (tail().includes(`"msg":"${role} ready"`)) resolve();
    };
    child.stdout?.on('data', look);
    void exited.then((code) => reject(new Error(`the ${role} ended with ${code} before it was ready:\n${tail()}`)));
  });
}
