import { pino } from 'pino';
import { loadServices } from './config/load.ts';
import { parseRuntime } from './config/runtime.ts';
import { shapeOf } from './engine/shape.ts';
import { NeedsHuman, Refused } from './errors.ts';
import { checkDurability } from './jobs/durability.ts';
import { connectJobs } from './jobs/jobs.ts';
import type { Process } from './process.ts';
import { runbook } from './runbook.ts';

type Closer = () => Promise<void>;

/** The worker first: a Slack that is away must not keep a run from going on. */
const roles = ['worker', 'bot'] as const;
const closeWithinMs = 20_000;
const reachWithinMs = 10_000;

const wanted = process.argv.slice(2);
const chosen = roles.filter((role) => wanted.length === 0 || wanted.includes(role));
const unknown = wanted.filter((word) => !roles.some((role) => role === word));
if (unknown.length > 0)
  refuse(new Refused('process.unknown', `There is no process "${unknown[0]}"; start bot, worker or both (nothing named).`));
await start().catch(refuse);

async function start(): Promise<void> {
  const runtime = parseRuntime(process.env);
  const log = pino({
    level: runtime.LOG_LEVEL,
    redact: ['*.password', '*.clientKey', '*.privateKey', '*.token'],
    base: { process: chosen.join('+') },
  });
  const services = await loadServices(runtime.SERVICES_DIR);
  const jobs = connectJobs({
    redisUrl: runtime.REDIS_URL,
    shape: shapeOf(runbook),
    timing: {
      lockDurationMs: runtime.LOCK_DURATION_MS,
      stalledIntervalMs: runtime.STALLED_INTERVAL_MS,
      leaseMs: Math.round(runtime.LOCK_DURATION_MS * 0.8),
      gateExpiresMs: runtime.GATE_EXPIRY_MINUTES * 60_000,
    },
    report: (event) =>
      event.kind === 'error'
        ? log.error({ where: event.where, error: String(event.error) }, 'jobs')
        : log.warn(event, 'an owed job was missing twice'),
  });
  await jobs.reached(reachWithinMs);
  const modes = { checked: 'require', declared: 'declared', warned: 'warn' } as const;
  for (const problem of await checkDurability(jobs.redis, modes[runtime.REDIS_DURABILITY])) log.warn(problem);

  const self: Process = { runtime, services, jobs, log };
  const closers: Closer[] = [() => jobs.close()];
  closeOnSignal(log, closers);
  for (const role of chosen) {
    try {
      // Each is loaded where it is started: a bot needs no clients, a worker no Slack.
      closers.push(
        role === 'bot'
          ? await (await import('./start-bot.ts')).startBot(self)
          : await (await import('./start-worker.ts')).startStepWorker(self),
      );
    } catch (error) {
      if (role !== 'bot' || !chosen.includes('worker') || !(error instanceof NeedsHuman)) throw error;
      log.error({ code: error.code, remedy: error.remedy }, `${error.message} The worker goes on; the channel hears and shows nothing.`);
      continue;
    }
    log.info(`${role} ready`);
  }
}

/** Stops taking jobs, ends what runs by its signal, shows what is owed, within the container's grace time. */
function closeOnSignal(log: pino.Logger, closers: readonly Closer[]): void {
  let closing = false;
  const close = async (signal: string) => {
    if (closing) return;
    closing = true;
    log.info(`${signal}: closing`);
    setTimeout(() => process.exit(1), closeWithinMs).unref();
    for (const end of [...closers].reverse()) await end().catch((error: unknown) => log.error(String(error)));
    process.exit(0);
  };
  process.on('SIGTERM', () => void close('SIGTERM'));
  process.on('SIGINT', () => void close('SIGINT'));
  // A socket's own promise must not end a process that holds a run; what is lost is found by reconcile.
  process.on('unhandledRejection', (reason) => log.error({ reason: String(reason) }, 'unhandled rejection'));
}

function refuse(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(2);
}
