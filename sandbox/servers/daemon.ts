import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { guarded, type Identity, plainEnvironment } from './command.ts';

export interface Daemon {
  readonly pid: number;
  readonly exited: Promise<void>;
  running(): boolean;
  /** Sends the first signal, the next one when its time is over, and waits for the end. */
  stop(signals: readonly (readonly [NodeJS.Signals, number])[]): Promise<void>;
}

export interface DaemonRequest {
  readonly program: string;
  readonly args: readonly string[];
  readonly identity: Identity | undefined;
  /** Output is appended to this file. */
  readonly log: string;
  readonly pidFile: string;
  /** The directory that the server works in: tells our process from a stranger who got the same pid later. */
  readonly directory: string;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function works(pid: number, directory: string): boolean {
  const look = (read: () => string) => {
    try {
      return read();
    } catch {
      return '';
    }
  };
  // Redis writes its own title over its arguments; its working directory still tells.
  return (
    look(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).includes(directory) ||
    look(() => readlinkSync(`/proc/${pid}/cwd`)).startsWith(directory)
  );
}

/** Ends what a killed sandbox left running, if the pid in the file is still that server. */
export async function endLeftover(pidFile: string): Promise<void> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  const [pid, directory] = text.split('\n');
  if (pid && directory && works(Number(pid), directory)) {
    for (const [signal, milliseconds] of [
      ['SIGQUIT', 5_000],
      ['SIGKILL', 5_000],
    ] as const) {
      if (!alive(Number(pid))) break;
      process.kill(Number(pid), signal);
      for (const until = Date.now() + milliseconds; Date.now() < until && works(Number(pid), directory); ) await delay(20);
    }
  }
  await rm(pidFile, { force: true });
}

export async function endLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [] as string[]);
  await Promise.all(names.map((name) => endLeftover(join(directory, name))));
}

/**
 * Starts a server as our own child. A parent reaps it, so that after kill -9 no zombie keeps its lock file valid; pg_ctl would hand it to
 * init, and not every container's init reaps.
 */
export async function startDaemon(request: DaemonRequest): Promise<Daemon> {
  const log = openSync(request.log, 'a', 0o644);
  const [program, args] = guarded(request, 'QUIT');
  const child = spawn(program, args, { cwd: '/', env: plainEnvironment(), stdio: ['ignore', log, log] });
  closeSync(log);
  let running = true;
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      running = false;
      resolve();
    };
    child.on('exit', end);
    child.on('error', end);
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${request.program} cannot be started; its log is ${request.log}.`);
  await writeFile(request.pidFile, `${pid}\n${request.directory}\n`);
  return {
    pid,
    exited,
    running: () => running,
    async stop(signals) {
      for (const [signal, milliseconds] of signals) {
        if (!running) break;
        child.kill(signal);
        const waiting = new AbortController();
        const timeout = delay(milliseconds, undefined, { signal: waiting.signal }).catch(() => undefined);
        await Promise.race([exited, timeout]);
        waiting.abort();
      }
      await exited;
      await rm(request.pidFile, { force: true });
    },
  };
}
