import { NeedsHuman } from '../errors.ts';
import type { Workloads } from './types.ts';

export interface Wanted {
  readonly name: string;
  readonly replicas: number;
}
export interface ReplicasLook {
  /** Workloads whose replicas differ, as plan lines. */
  readonly changes: readonly string[];
  /** Driver manual: what a person has to do, as lines. */
  readonly byHand: readonly string[];
}
const settleWithinMs = 120_000;
const endsWithinMs = 2_000;

/** Compares each workload with its wanted replicas, pods included. */
export async function lookAtReplicas(workloads: Workloads, wanted: readonly Wanted[]): Promise<ReplicasLook> {
  const changes: string[] = [];
  const byHand: string[] = [];
  const looks = await Promise.all(wanted.map(async (one) => ({ ...one, seen: await workloads.observe(one.name) })));
  for (const { name, replicas, seen } of looks) {
    if (!seen) {
      byHand.push(replicas === 0 ? `stop ${name} (0 replicas, no pod left)` : `run ${name} with ${replicas} replicas`);
      continue;
    }
    const pods = replicas === 0 ? seen.pods : seen.pods - seen.ending;
    if (seen.replicas !== replicas || pods !== replicas || seen.ready !== replicas)
      changes.push(`${name}: ${seen.replicas} → ${replicas} replicas`);
  }
  return { changes, byHand };
}

/** What would undo that these are stopped: sentences. */
export async function undoneBy(workloads: Workloads, names: readonly string[]): Promise<readonly string[]> {
  return (await Promise.all(names.map((name) => workloads.undoneBy(name)))).flat();
}

/** Scales the driven ones, all at once, and waits until their pods are gone or ready. */
export async function scaleTo(
  workloads: Workloads,
  wanted: readonly Wanted[],
  signal: AbortSignal,
  withinMs: number = settleWithinMs,
): Promise<void> {
  await askFor(workloads, wanted);
  await untilSettled(workloads, wanted, signal, withinMs);
}

/** Scales the driven ones, all at once. Their pods are not waited for. */
export async function askFor(workloads: Workloads, wanted: readonly Wanted[]): Promise<void> {
  await Promise.all(driven(workloads, wanted).map(({ name, replicas }) => workloads.scale(name, replicas)));
}

/** Waits until each of these has the pods that its deployment asks for now. */
export async function untilAsAsked(workloads: Workloads, names: readonly string[], signal: AbortSignal): Promise<void> {
  const asked = await Promise.all(names.map(async (name) => ({ name, replicas: (await workloads.wanted(name))?.replicas ?? 0 })));
  await untilSettled(workloads, asked, signal, settleWithinMs);
}

async function untilSettled(workloads: Workloads, wanted: readonly Wanted[], signal: AbortSignal, timeoutMs: number): Promise<void> {
  await Promise.all(driven(workloads, wanted).map(({ name, replicas }) => workloads.settled(name, replicas, { signal, timeoutMs })));
}

function driven<T extends Pick<Wanted, 'name'>>(workloads: Workloads, wanted: readonly T[]): readonly T[] {
  return wanted.filter(({ name }) => workloads.driver(name) !== 'manual');
}

/**
 * Right before the point of no return: those that were stopped are at zero still. NeedsHuman `workloads.put-back` names what was
 * scaled up again and by whom; the fence keeps its pods out, but whatever does it would also undo the switch.
 */
export async function stillStopped(workloads: Workloads, names: readonly string[], signal: AbortSignal): Promise<void> {
  const down = names.map((name) => ({ name, replicas: 0 }));
  await untilSettled(workloads, down, signal, endsWithinMs);
}

/** The replicas before, to be recorded before scaling down: what an earlier, unfinished attempt recorded is kept where there are none now. */
export async function replicasNow(
  workloads: Workloads,
  names: readonly string[],
  before: Readonly<Record<string, number>> = {},
): Promise<Readonly<Record<string, number>>> {
  const now: Record<string, number> = { ...before };
  const looks = await Promise.all(names.map(async (name) => ({ name, seen: await workloads.wanted(name) })));
  for (const { name, seen } of looks) {
    if (seen && (seen.replicas > 0 || now[name] === undefined)) now[name] = seen.replicas;
  }
  return now;
}

/** What of a run's ledger `tellByHand` needs. */
interface Told {
  recall<T>(key: string): T | undefined;
  record(key: string, value: unknown): Promise<void>;
}

/**
 * An undo cannot ask: what people did by hand is said as NeedsHuman `workloads.by-hand`, and taken as done at the
 * Retry. The next undo of the same run says it anew, or a second give-back would leave them stopped.
 */
export async function tellByHand(lines: readonly string[], run: Told): Promise<void> {
  if (lines.length === 0) return;
  if (run.recall('by hand') === true) return run.record('by hand', false);
  await run.record('by hand', true);
  throw new NeedsHuman('workloads.by-hand', `People have to do this by hand: ${lines.join('; ')}.`, { remedy: 'Do it, then press Retry.' });
}
