import type { Fact } from '../../engine/facts.ts';
import type { RunState } from '../../engine/state.ts';
import { partsOf, type Stretch, timelineOf } from '../../engine/timeline.ts';
import { type RunViewData, titleOf } from '../render/face.ts';
import { duration } from '../render/text.ts';
import type { Rehearsal } from './rehearsal.ts';
import { waited, waitsOf } from './waits.ts';

/** A time in which the service noticed something, and why. */
export interface Restart {
  readonly cause: string;
  readonly from: number;
  readonly to: number;
}
export interface Outage extends Restart {
  readonly end: RunState['writeStops'][number]['end'];
  /** What a write stop was spent on, without gap or overlap. */
  readonly timeline: readonly Stretch[];
  readonly parts: ReturnType<typeof partsOf>;
}
export interface Prediction {
  readonly what: string;
  /** Where the figure came from. */
  readonly from: string;
  readonly predictedMs: number;
  readonly actualMs: number | undefined;
}
export interface LagPoint {
  readonly at: number;
  readonly bytes: number;
}
type View = Pick<RunViewData, 'facts' | 'shape' | 'state' | 'earlier'>;
type Recorded = Extract<Fact, { readonly type: 'fact.recorded' }>;

const recorded = (facts: readonly Fact[], key: string): readonly Recorded[] =>
  facts.flatMap((fact) => (fact.type === 'fact.recorded' && fact.key === key ? [fact] : []));

function numberIn(value: unknown, key: string): number | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'number' ? found : undefined;
}

const causes = {
  switched: 'write stop of the switch',
  'given-back': 'write stop, given back',
  'rolled-back': 'write stop of the way back',
} as const;

/** The write stops, each by what it was spent on. */
export function outagesOf({ facts, state }: View): readonly Outage[] {
  return state.writeStops.map(({ from, to, end, spans }) => {
    const why = facts.findLast((fact) => fact.type === 'give-back.begun' && fact.at >= from && fact.at <= to);
    const timeline = timelineOf({ from, to, spans });
    const cause = end === 'given-back' && why?.type === 'give-back.begun' ? `write stop, given back: ${why.reason}` : causes[end];
    return { cause, from, to, end, timeline, parts: partsOf(timeline) };
  });
}

/** Restarts, as the step that caused them measured them. */
export function restartsOf({ facts, shape }: View): readonly Restart[] {
  return recorded(facts, 'outage-ms').map(({ at, step, value }) => ({
    cause: `restart: ${titleOf(shape, step)}`,
    from: at - (typeof value === 'number' ? value : 0),
    to: at,
  }));
}

/** `validation 1204 ms · Google 310 ms · …` */
export function partsText(parts: Outage['parts']): string {
  return parts.map(({ cause, ms }) => `${causeNames[cause]} ${ms} ms`).join(' · ');
}
const causeNames: Readonly<Record<Stretch['cause'], string>> = {
  bot: 'the bot’s own',
  google: 'Google',
  pods: 'pods',
  fence: 'closing and proof',
  drain: 'drain',
  sequences: 'sequences',
  validation: 'validation',
  ownership: 'ownership',
  'way-back': 'way back',
};

/** `PG-1 (staging) took 1.4 s: fence 285 ms · …`, of its write stop; undefined where it had none. */
export function forecastOf(earlier: Rehearsal | undefined): string | undefined {
  if (earlier?.writesOffMs === undefined) return undefined;
  return `as ${earlier.run} (${earlier.environment}) took: writes off for ${duration(earlier.writesOffMs)} (${partsText(earlier.parts)})`;
}

/** What was said before against what came: from the go/no-go card, and from the run that rehearsed this one. */
export function predictionsOf({ facts, state, earlier }: View): readonly Prediction[] {
  const card = recorded(facts, 'predicted').at(-1)?.value;
  const stop = state.writeStops.findLast((one) => one.end === 'switched');
  const called = facts.findLast((fact) => fact.type === 'promotion.called')?.at;
  const off = stop && stop.to - stop.from;
  const parts = stop ? partsOf(timelineOf(stop)) : [];
  const found = (what: string, from: string, predictedMs: number | undefined, actualMs: number | undefined): readonly Prediction[] =>
    predictedMs === undefined ? [] : [{ what, from, predictedMs, actualMs }];
  const rehearsed = earlier && `${earlier.run} (${earlier.environment})`;
  const work = earlier && [...earlier.workMs.values()].reduce((sum, ms) => sum + ms, 0);
  const own = state.steps.reduce((sum, step) => sum + (earlier?.workMs.has(step.id) ? (workOf(step, facts) ?? 0) : 0), 0);
  return [
    ...found('until the promotion is called', 'the go/no-go card', numberIn(card, 'untilCallMs'), stop && called && called - stop.from),
    ...found('writes off', 'the go/no-go card', numberIn(card, 'untilWritesMs'), off),
    ...found('writes off', rehearsed ?? '', earlier?.writesOffMs, off),
    ...(earlier?.parts ?? []).flatMap(({ cause, ms }) =>
      found(`writes off: ${causeNames[cause]}`, rehearsed ?? '', ms, stop && (parts.find((part) => part.cause === cause)?.ms ?? 0)),
    ),
    ...found('the bot’s own work', rehearsed ?? '', work, state.endedAt === undefined ? undefined : own),
  ];
}

function workOf(step: { readonly startedAt: number | undefined; readonly endedAt: number | undefined }, facts: readonly Fact[]) {
  if (step.startedAt === undefined || step.endedAt === undefined) return undefined;
  return step.endedAt - step.startedAt - waited(waitsOf(facts, step.endedAt), step.startedAt, step.endedAt);
}

/** How far the destination was behind, as far as steps looked. */
export function lagOf(facts: readonly Fact[]): readonly LagPoint[] {
  const points = [...recorded(facts, 'lag').map(({ value }) => [value]), ...recorded(facts, 'drained').map(({ value }) => seriesIn(value))];
  return points
    .flat()
    .flatMap((value) => {
      const [at, bytes] = [numberIn(value, 'at'), numberIn(value, 'bytes')];
      return at === undefined || bytes === undefined ? [] : [{ at, bytes }];
    })
    .sort((a, b) => a.at - b.at);
}

function seriesIn(value: unknown): readonly unknown[] {
  const lag: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'lag') : undefined;
  return Array.isArray(lag) ? lag : [];
}
