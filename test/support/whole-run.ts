import { Redis } from 'ioredis';
import { openCast } from '../../sandbox/cast.ts';
import type { World } from '../../sandbox/world.ts';
import type { Fact } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { keysOf } from '../../src/jobs/redis.ts';
import { createRunLog } from '../../src/jobs/run-log.ts';
import { runbook } from '../../src/runbook.ts';

export const shape = shapeOf(runbook);

/** The bot, the people and an onlooker's view of the run logs of a world. `leaves`: gates that the people leave to the test. */
export async function openStage(world: World, leaves: (gate: string) => boolean = () => false) {
  const redis = new Redis(world.environment.REDIS_URL);
  const log = createRunLog(redis, keysOf('pgupgrade'));
  await world.start('bot');
  await world.slack.waitForSockets(1, 30_000);
  const trouble: string[] = [];
  const goHome = openCast(world, { requesterTries: false, leaves, onTrouble: (words) => trouble.push(words) });

  const stage = {
    redis,
    /** What the people were refused. */
    trouble,
    facts: (run: string): Promise<readonly Fact[]> => log.read(run),
    /** A person's command, typed again while the bot does not answer in Slack's three seconds. */
    async say(line: string): Promise<void> {
      for (let time = 0; time < 5; time += 1) if ((await world.slack.human.command('U0OPERATOR', line)).ok) return;
      throw new Error(`the bot did not answer ${line}`);
    },
    /** An approver presses the button of the run's open question, again while the bot does not answer. */
    async approve(run: string): Promise<void> {
      const nonce = fold(await log.read(run), shape).gate?.nonce ?? 'none';
      const card = await world.slack.waitFor(({ blocks }) => {
        const shown = JSON.stringify(blocks);
        return shown.includes(nonce) && shown.includes('gate:approve');
      }, 60_000);
      for (let time = 0; time < 5; time += 1)
        if ((await world.slack.human.click('U0APPROVER', card.ts, 'gate:approve', { confirm: true })).ok) return;
      throw new Error(`the bot did not answer the approval of ${run}`);
    },
    /** Starts a run by a person's command. Gives its id. */
    async start(environment: string): Promise<string> {
      const begun = new Promise<string>((resolve, reject) => {
        const look = async () => {
          const found = (await log.runs()).find((run) => run.environment === environment && run.active);
          if (found) resolve(found.run);
        };
        log.watch(() => void look().catch(reject)).catch(reject);
      });
      await stage.say(`/pgupgrade start ${environment}`);
      return begun;
    },
    /**
     * Waits, told by each change of the log, until the run is so; a run that newly stops before people, or a failure told
     * by `failed`, ends the wait at once.
     */
    async until(
      run: string,
      fits: (state: RunState, facts: readonly Fact[]) => boolean,
      what: string,
      request: { readonly withinMs: number; readonly failed?: Promise<never> },
    ): Promise<{ readonly state: RunState; readonly facts: readonly Fact[] }> {
      let off: (() => Promise<void>) | undefined;
      let timer: NodeJS.Timeout | undefined;
      const found = new Promise<{ readonly state: RunState; readonly facts: readonly Fact[] }>((resolve, reject) => {
        let stoodAt: number | undefined;
        const look = async () => {
          const facts = await log.read(run);
          const state = fold(facts, shape);
          stoodAt ??= state.blocked?.at ?? 0;
          if (fits(state, facts)) resolve({ state, facts });
          else if (state.status === 'blocked' && state.blocked?.at !== stoodAt)
            reject(new Error(`before ${what}: ${state.blocked?.step}: ${state.blocked?.reason}`));
        };
        timer = setTimeout(() => {
          void log.read(run).then((facts) => {
            const { status, current } = fold(facts, shape);
            const last = facts.slice(-5).map((fact) => JSON.stringify(fact).slice(0, 200));
            reject(new Error(`${what} did not come within ${request.withinMs} ms: ${status} at ${current}; ${last.join('\n')}`));
          }, reject);
        }, request.withinMs);
        log
          .watch((changed) => {
            if (changed === run) look().catch(reject);
          })
          .then((end) => {
            off = end;
            return look();
          })
          .catch(reject);
      });
      try {
        return await Promise.race([found, ...(request.failed ? [request.failed] : [])]);
      } finally {
        clearTimeout(timer);
        await off?.();
      }
    },
    async close() {
      goHome();
      await log.close();
      redis.disconnect();
    },
  };
  return stage;
}
export type Stage = Awaited<ReturnType<typeof openStage>>;
