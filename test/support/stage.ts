import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insist, openCast } from '../../sandbox/cast.ts';
import { ofProject } from '../../sandbox/compiled.ts';
import type { Message } from '../../sandbox/slack/types.ts';
import { openWorld, type WorldRequest } from '../../sandbox/world.ts';
import type { Fact, FactType } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { keysOf, openRedis } from '../../src/jobs/redis.ts';
import { createRunLog } from '../../src/jobs/run-log.ts';
import { runbook } from '../../src/runbook.ts';

const patienceMs = 600_000;
export const shape = shapeOf(runbook);

export interface StageRequest {
  readonly environments?: readonly string[];
  /** Gates that the test answers itself. */
  readonly leaves?: (gate: string) => boolean;
  readonly requesterTries?: boolean;
  /** Changes the service file. */
  readonly service?: (yaml: string) => string;
  /** Rights that nobody knows of the real Cloud SQL, or that differ from service to service. */
  readonly rights?: Pick<WorldRequest, 'adminOnExternalSync' | 'databaseOwner'>;
}

/** The whole sandbox with bot, worker and the cast, and what a test needs to follow a run and to speak in the channel. */
export async function openStage(request: StageRequest = {}) {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-e2e-'));
  await chmod(workDir, 0o755);
  const services = join(workDir, 'services');
  await mkdir(services);
  const file = await readFile(ofProject('services/inapp.yaml'), 'utf8');
  await writeFile(join(services, 'inapp.yaml'), request.service?.(file) ?? file);
  const world = await openWorld({
    workDir,
    environments: request.environments ?? ['staging'],
    scale: 1,
    ...request.rights,
    slackLimits: { ackMs: 20_000, triggerMs: 20_000 },
    environment: { SERVICES_DIR: services },
  });
  const { slack } = world;
  const startWorker = () => world.start('worker');
  const startBot = () => world.start('bot');
  const [worker, bot] = await Promise.all([startWorker(), startBot()]);
  await slack.waitForSockets(1, 30_000);
  const trouble: string[] = [];
  openCast(world, {
    requesterTries: request.requesterTries ?? false,
    onTrouble: (words) => trouble.push(words),
    ...(request.leaves ? { leaves: request.leaves } : {}),
  });
  const redis = openRedis(world.servers.redis.url, () => undefined);
  const log = createRunLog(redis, keysOf('pgupgrade'));
  const listeners = new Set<() => void>();
  await log.watch(() => {
    for (const look of listeners) look();
  });

  const facts = (run: string): Promise<readonly Fact[]> => log.read(run);

  /**
   * Looks at every change of a run until it is so. A run that newly stops, or ends otherwise, fails at once, with its reason; what people
   * have to take back by hand the cast does.
   */
  function until(
    run: string,
    what: (state: RunState, facts: readonly Fact[]) => boolean,
    why: string,
    withinMs = patienceMs,
  ): Promise<RunState> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        listeners.delete(look);
        settle();
      };
      let last: RunState | undefined;
      let stoodAt: number | undefined;
      const stopped = ({ blocked }: RunState) => blocked !== undefined && blocked.code !== 'workloads.by-hand';
      const stands = () => `${last?.status} at ${last?.current}, gate ${last?.gate?.gate}, people were refused: ${trouble.join('; ')}`;
      const timer = setTimeout(
        () => end(() => reject(new Error(`${run}: waited ${withinMs} ms for: ${why}; it is ${stands()}`))),
        withinMs,
      );
      const look = () =>
        void log.read(run).then(
          (all) => {
            const state = fold(all, shape);
            stoodAt ??= state.blocked?.at ?? 0;
            last = state;
            if (what(state, all)) end(() => resolve(state));
            else if ((stopped(state) && !state.abort && state.blocked?.at !== stoodAt) || state.endedAt !== undefined)
              end(() => reject(new Error(`${run} is ${state.status} in place of: ${why}; ${JSON.stringify(state.blocked ?? {})}`)));
          },
          (error: unknown) => end(() => reject(error)),
        );
      listeners.add(look);
      look();
    });
  }

  /** What the bot answers to a person alone after an act. That it may write to the channel is tried by such a message too. */
  async function answerTo(user: string, act: () => Promise<{ readonly ok: boolean }>): Promise<string> {
    const known = new Set(slack.state.messages.map(({ ts }) => ts));
    await insist(act);
    const fits = ({ ephemeral, ts, text }: Message) =>
      ephemeral === user && !known.has(ts) && !/the board appears here\.$|^Looking…/.test(text);
    return (await slack.waitFor(fits, 30_000)).text;
  }

  /** Types a line in the channel; gives the answer. */
  const says = (user: string, line: string) => answerTo(user, () => slack.human.command(user, line));
  /** Presses a button of a message; gives the answer. */
  const presses = (user: string, ts: string, action: string) =>
    answerTo(user, () => slack.human.click(user, ts, action, { confirm: true }));

  return {
    world,
    worker,
    startWorker,
    bot,
    startBot,
    trouble,
    redis,
    log,
    facts,
    until,
    says,
    presses,
    /** Starts an upgrade; gives the run's name. */
    async starts(environment: string): Promise<string> {
      const answer = await says('U0OPERATOR', `/pgupgrade start ${environment}`);
      const run = /^(PG-\d+) is started/.exec(answer)?.[1];
      if (run === undefined) throw new Error(`not started: ${answer}`);
      return run;
    },
    fact: (run: string, type: FactType, step: string) =>
      until(run, (_, all) => all.some((one) => one.type === type && 'step' in one && one.step === step), `${type} ${step}`),
    ended: (run: string, as: 'finished' | 'aborted') => until(run, ({ status }) => status === as, as),
    /** The message with the buttons of a question, once it is in the channel. */
    card: (gate: string): Promise<Message> =>
      slack.waitFor(
        ({ blocks }) => JSON.stringify(blocks).includes(`:${gate}:`) && JSON.stringify(blocks).includes('gate:approve'),
        patienceMs,
      ),
    cluster(name: string) {
      const found = world.servers.fleet.get(name);
      if (!found) throw new Error(`there is no instance ${name}`);
      return found;
    },
    async close(): Promise<void> {
      await log.close();
      redis.disconnect();
      await world.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}
export type Stage = Awaited<ReturnType<typeof openStage>>;
