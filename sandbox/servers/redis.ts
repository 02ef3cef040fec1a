import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './address.ts';
import { giveToServer, openDirectory, reachable } from './cache.ts';
import { run, serverIdentity } from './command.ts';
import { type Daemon, endLeftover, startDaemon } from './daemon.ts';
import type { Packages } from './packages.ts';

export interface RedisServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  pid(): number | undefined;
  running(): boolean;
  /** Also after somebody killed it; the data is that of before. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Real Redis, as durable as the bot demands: every write is on disk before it is answered, and nothing is evicted. */
export async function openRedis(request: {
  readonly workDir: string;
  readonly packages: Packages;
  readonly port?: number;
}): Promise<RedisServer> {
  const { packages } = request;
  const root = await openDirectory(await reachable(request.workDir));
  const directory = await openDirectory(join(root, 'redis'));
  await giveToServer(directory, 0o700);
  const log = join(await openDirectory(join(root, 'logs')), 'redis.log');
  const pidFile = join(await openDirectory(join(root, 'pids')), 'redis');
  await endLeftover(pidFile);
  const host = '127.0.0.1';
  const port = request.port ?? (await freePort());
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction', '--save', ''];
  const args = ['--bind', host, '--port', String(port), '--dir', directory, '--enable-debug-command', 'no', ...durable];
  let daemon: Daemon | undefined;

  const start = async (): Promise<void> => {
    const started = await startDaemon({
      program: packages.tool('redis-server'),
      args,
      identity: serverIdentity(),
      log,
      pidFile,
      directory,
    });
    daemon = started;
    const ping = () => run({ program: packages.tool('redis-cli'), args: ['-h', host, '-p', String(port), 'ping'] }).catch(() => '');
    while ((await ping()).trim() !== 'PONG') {
      if (!started.running()) throw new Error(`Redis did not start on ${host}:${port}; its log is ${log}.`);
      await delay(15);
    }
  };
  const stop = async (): Promise<void> => {
    await daemon?.stop([
      ['SIGTERM', 10_000],
      ['SIGKILL', 10_000],
    ]);
  };
  await start();
  return {
    url: `redis://${host}:${port}`,
    host,
    port,
    pid: () => (daemon?.running() ? daemon.pid : undefined),
    running: () => daemon?.running() === true,
    async restart() {
      await stop();
      await start();
    },
    close: stop,
  };
}
