import type { Fact, RunHeader } from '../../engine/facts.ts';
import { fold } from '../../engine/fold.ts';
import type { RunLog } from '../../engine/ports.ts';
import type { RunbookShape } from '../../engine/state.ts';
import { partsOf, timelineOf } from '../../engine/timeline.ts';
import { waited, waitsOf } from './waits.ts';

/** How long an earlier upgrade of the same service to the same version took: what this one is measured by. Milliseconds. */
export interface Rehearsal {
  readonly run: string;
  readonly environment: string;
  /** The bot's own work in each step, without the waits for people. */
  readonly workMs: ReadonlyMap<string, number>;
  /** Of its last write stop. */
  readonly writesOffMs: number | undefined;
  /** What that was spent on, the longest first. */
  readonly parts: Parts;
}
type Parts = ReturnType<typeof partsOf>;

export function rehearsalOf(facts: readonly Fact[], shape: RunbookShape): Rehearsal | undefined {
  const state = fold(facts, shape);
  if (!state.header || state.status !== 'finished') return undefined;
  const waits = waitsOf(facts, state.endedAt ?? 0);
  const stop = state.writeStops.at(-1);
  return {
    run: state.header.run,
    environment: state.header.environment,
    workMs: new Map(
      state.steps.flatMap(({ id, startedAt, endedAt }) =>
        startedAt === undefined || endedAt === undefined ? [] : [[id, endedAt - startedAt - waited(waits, startedAt, endedAt)] as const],
      ),
    ),
    writesOffMs: stop && stop.to - stop.from,
    parts: stop ? partsOf(timelineOf(stop)) : [],
  };
}

/** The newest finished run of the same service and versions that began before this one: as a rule staging's. */
export async function findRehearsal(
  log: Pick<RunLog, 'read' | 'runs'>,
  shape: RunbookShape,
  header: Pick<RunHeader, 'run' | 'service' | 'from' | 'to'>,
): Promise<Rehearsal | undefined> {
  const runs = await log.runs();
  const older = runs.slice(runs.findIndex((one) => one.run === header.run) + 1);
  for (const { run } of older.filter((one) => one.service === header.service && !one.active).slice(0, 10)) {
    const facts = await log.read(run);
    const [first] = facts;
    if (first?.type !== 'run.started' || first.from !== header.from || first.to !== header.to) continue;
    const rehearsal = rehearsalOf(facts, shape);
    if (rehearsal) return rehearsal;
  }
  return undefined;
}
