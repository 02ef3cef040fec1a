import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../types.ts';
import { serverIdentity } from './command.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { lastWords, sizeOf } from './instance-files.ts';
import { withSession } from './session.ts';

export interface Postmaster {
  pid(): number | undefined;
  running(): boolean;
  /** Starts and waits until it answers. Throws with the server's last words if it will not. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL; it stays down. */
  crash(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface PostmasterRequest {
  readonly name: string;
  readonly program: string;
  readonly directory: string;
  readonly log: string;
  readonly pidFile: string;
  readonly admin: Connection;
}

/** Asks the server until it lets somebody in, or until its process has ended. */
async function answers(daemon: Daemon, admin: Connection): Promise<boolean> {
  while (daemon.running()) {
    const failure = await withSession({ ...admin, database: 'postgres' }, () => Promise.resolve(undefined)).catch(
      (error: unknown) => error,
    );
    if (failure === undefined) return true;
    const code = failure instanceof Error && 'code' in failure ? failure.code : undefined;
    // 57P03: starting up or recovering. Anything but that and a closed port is a real answer.
    if (typeof code === 'string' && /^(28|3D|42)/.test(code)) throw failure;
    await delay(15);
  }
  return false;
}

/**
 * The process of one instance. As Cloud SQL does, it comes back by itself after a crash; `stop` and a failed start leave it down.
 */
export function openPostmaster(request: PostmasterRequest): Postmaster {
  let daemon: Daemon | undefined;
  let wanted = false;
  let starting: Promise<void> | undefined;

  const start = async (): Promise<void> => {
    const until = Date.now() + 60_000;
    for (;;) {
      const offset = await sizeOf(request.log);
      const { program, directory, log, pidFile } = request;
      const started = await startDaemon({ program, args: ['-D', directory], identity: serverIdentity(), log, pidFile, directory });
      daemon = started;
      if (await answers(started, request.admin)) {
        void started.exited.then(() => comeBack(started));
        return;
      }
      const words = await lastWords(log, offset);
      // Children of a killed postmaster need a moment to see that it is gone; until then they hold its memory.
      if (wanted && Date.now() < until && /pre-existing shared memory block|lock file .* already exists|Address already in use/.test(words))
        await delay(50);
      else throw new Error(`Instance ${request.name} did not start: ${words || `see ${log}`}`);
    }
  };
  const begin = (): Promise<void> => {
    wanted = true;
    starting ??= start().finally(() => {
      starting = undefined;
    });
    return starting;
  };
  const comeBack = (ended: Daemon): void => {
    // Its last words are in the log; whoever asks the instance sees that it is down.
    if (wanted && daemon === ended) begin().catch(() => undefined);
  };
  return {
    pid: () => (daemon?.running() ? daemon.pid : undefined),
    running: () => daemon?.running() === true,
    start: begin,
    async stop() {
      wanted = false;
      await starting?.catch(() => undefined);
      // Fast, so that walsenders may deliver what they have; then immediate.
      await daemon?.stop([
        ['SIGINT', 20_000],
        ['SIGQUIT', 10_000],
        ['SIGKILL', 10_000],
      ]);
    },
    async crash() {
      wanted = false;
      await starting?.catch(() => undefined);
      await daemon?.stop([['SIGKILL', 10_000]]);
    },
    signal: (signal) => {
      if (daemon?.running()) process.kill(daemon.pid, signal);
    },
  };
}
