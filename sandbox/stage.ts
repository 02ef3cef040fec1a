import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageBar } from './package-bar.ts';
import { cacheDirectory } from './servers/cache.ts';
import { openWorld, type World } from './world.ts';

export interface Stage {
  readonly world: World;
  /** Server logs and those of bot and worker lie below it, in `logs`. */
  readonly workDir: string;
  /** Ends everything that was started. */
  close(): Promise<void>;
}
export interface StageRequest {
  /** The folder below the cache: a demo and a sandbox run side by side. */
  readonly name: 'demo' | 'sandbox';
  /** `production`: staging as well, because it goes first. */
  readonly environment: 'staging' | 'production';
  readonly scale: number;
  readonly googleLatencyMs: number;
  /** The page's; one that is taken is replaced by a free one, which is said. */
  readonly port: number;
  /** The exit code after Ctrl-C or SIGTERM. */
  readonly interrupted: number;
  readonly print: (line: string) => void;
}
const refreshMs = 1_000;

export async function stageDirectory(name: StageRequest['name']): Promise<string> {
  return join(await cacheDirectory(), 'work', name);
}

/** Where a running one tells its SandboxInfo, for whoever wants to look and meddle. */
export function infoFile(workDir: string): string {
  return join(workDir, 'sandbox.json');
}

/** The world with worker and bot at work. Ctrl-C and SIGTERM end it at any time and then this process. */
export async function openStage({ print, ...request }: StageRequest): Promise<Stage> {
  const began = Date.now();
  const workDir = await stageDirectory(request.name);
  let world: World | undefined;
  let told = '';
  let timer: NodeJS.Timeout | undefined;
  let interrupted = false;

  async function close(): Promise<void> {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
    clearInterval(timer);
    if (told !== '') await rm(infoFile(workDir), { force: true });
    await world?.close();
  }
  function interrupt(): void {
    interrupted = true;
    print('\n stopping …');
    // Before the world is up: the servers started so far die with this process.
    void close().finally(() => process.exit(request.interrupted));
  }
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);

  try {
    const ports = { slack: request.port, google: request.port + 1, kubernetes: request.port + 2 };
    const raised = await openWorld({
      workDir,
      environments: request.environment === 'production' ? ['staging', 'production'] : ['staging'],
      scale: request.scale,
      latencyMs: request.googleLatencyMs,
      ports,
      onProgress: packageBar(print),
    });
    world = raised;
    const page = raised.info().slack;
    const elsewhere = new URL(page).port === String(ports.slack) ? '' : ` (port ${ports.slack} is taken)`;
    print(` [1/3] servers, seed and stand-ins are up after ${((Date.now() - began) / 1000).toFixed(1)} s · watch: ${page}${elsewhere}`);
    await Promise.all([raised.start('worker'), raised.start('bot')]);
    await raised.slack.waitForSockets(1, 30_000);
    // The list of instances grows; readable for the owner alone because it holds the superuser's passwords.
    const tell = async () => {
      const info = raised.info();
      const now = `${JSON.stringify({ ...info, pids: { ...info.pids, sandbox: process.pid } }, null, 2)}\n`;
      if (now === told) return;
      told = now;
      await writeFile(infoFile(workDir), now, { mode: 0o600 });
    };
    await tell();
    timer = setInterval(() => void tell(), refreshMs);
    return { world: raised, workDir, close };
  } catch (error) {
    // What breaks because of the end is no news; the end itself exits.
    if (interrupted) return new Promise<never>(() => undefined);
    await close();
    throw error;
  }
}
