import { expect } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import type { Fact } from '../../src/engine/facts.ts';
import type { RunState } from '../../src/engine/state.ts';
import { holdTable } from './hold-table.ts';
import type { Stage } from './stage.ts';

/**
 * The write stops of one upgrade, or of its rollback, each broken off by another trouble. `home`: the instance whose writers are
 * stopped and given back. `promoted`: how many calls of the promotion Google's log may show by now.
 */
export function writeStops(
  stage: Stage,
  at: {
    readonly run: string;
    readonly home: Cluster;
    readonly deadlineMs: number;
    readonly promoted?: () => number;
    /** Absent: `approve-cutover`. */
    readonly gate?: 'approve-rollback';
  },
) {
  const { run, home } = at;
  const writes = (cluster: Cluster) => stage.world.ledger.writes().filter(({ server }) => server === cluster.host).length;

  const stops = {
    /** So many writes the cluster has acknowledged. */
    writes,
    /** The question is asked again where the last try was given back. Gives how to approve it. */
    async asked(): Promise<() => Promise<unknown>> {
      const { blocked } = await stage.until(run, () => true, 'now');
      if (blocked) await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
      const { gate } = await stage.until(run, (state) => state.gate?.gate === (at.gate ?? 'approve-cutover'), 'the question', 180_000);
      return () => stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${gate?.nonce}`);
    },
    /** Asked, and approved as soon as the question is open. */
    async cutsOver(): Promise<void> {
      await (await stops.asked())();
    },
    /** The step has begun in the write stop that is open; it may be over by now. */
    begun: (step: string): Promise<RunState> =>
      stage.until(
        run,
        ({ writesOffSince }, facts) =>
          writesOffSince !== undefined &&
          facts.some((fact) => fact.at >= writesOffSince && fact.type === 'step.started' && fact.step === step),
        `the write stop at ${step}`,
        60_000,
      ),
    /**
     * The fence stands, and `behind` cannot get to the drain's end until what is given here is released or its server dies;
     * `later` gets what ends it in any case.
     */
    async heldAt(drain: string, behind: Cluster, later: (end: () => Promise<unknown>) => void): Promise<{ release(): Promise<void> }> {
      const approve = await stops.asked();
      const held = await holdTable(behind, 'public.campaign');
      later(held.release);
      const known = writes(home);
      // A web pod changes campaigns with every write.
      await expect.poll(() => writes(home), { timeout: 30_000 }).toBeGreaterThan(known + 20);
      await approve();
      await stops.begun(drain);
      return held;
    },
    /** Somebody puts the workload's replicas back whenever they are seen at zero, five times a second: no write stop is over before that. */
    async whilePutBack(workload: string, work: () => Promise<unknown>): Promise<void> {
      const deployment = stage.world.deployments.list().find(({ name }) => name === workload);
      if (!deployment) throw new Error(`there is no ${workload}`);
      const every = setInterval(() => {
        if (deployment.replicas === 0) stage.world.deployments.change(deployment, { replicas: 1 });
      }, 200);
      try {
        await work();
      } finally {
        clearInterval(every);
      }
    },
    /** Nobody can give the writes back while that instance is away: it is said, with the way by hand, and tried on. */
    async cannotBeGivenBack(side: 'source' | 'destination'): Promise<void> {
      const said = (fact: Fact) => fact.type === 'note' && fact.marks === 'warning';
      const { givingBack, promotionCalled } = await stage.until(run, (_, facts) => facts.some(said), 'the warning', 120_000);
      expect((await stage.facts(run)).find(said)).toMatchObject({
        text: expect.stringMatching(
          new RegExp(`could not be given back yet: .*on the ${side}.* Writes are OFF since .* by hand: npx pgupgrade give-back-writes`),
        ),
      });
      expect(givingBack).toBeDefined();
      expect(promotionCalled).toBe(false);
    },
    /** The writes are given back with a reason, the point of no return was not reached, and the pods write where they did. */
    async writesAreBack(reason: RegExp, withinMs = at.deadlineMs + 15_000): Promise<void> {
      const state = await stage.until(
        run,
        ({ blocked, writesOffSince }) => blocked !== undefined && writesOffSince === undefined,
        'the give-back',
        120_000,
      );
      const {
        blocked,
        writeStops: [...ended],
        promotionCalled,
      } = state;
      expect(blocked?.code).toBe('writes.given-back');
      expect(blocked?.reason).toMatch(reason);
      expect(blocked?.reason).toMatch(/Writes are on\.$/);
      expect(promotionCalled).toBe(false);
      expect(stage.world.google.log.filter(({ path }) => path.endsWith(':promote'))).toHaveLength(at.promoted?.() ?? 0);
      const stop = ended.at(-1);
      expect(stop?.end).toBe('given-back');
      expect((stop?.to ?? 0) - (stop?.from ?? 0)).toBeLessThan(withinMs);
      const known = writes(home);
      await expect.poll(() => writes(home), { timeout: 30_000 }).toBeGreaterThan(known + 50);
    },
    /** The writes are back, every pod is as before, and the next try may begin. */
    async givenBack(reason: RegExp, withinMs?: number): Promise<void> {
      await stops.writesAreBack(reason, withinMs);
      await stage.world.settled('staging');
    },
    /** Whatever a server has acknowledged to anybody is on this one, once. */
    async nothingIsLost(on: Cluster): Promise<void> {
      const { lost, doubled } = await stage.world.watch.count(on, () => true);
      expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
    },
  };
  return stops;
}
