import { intendedOf } from './intended.ts';
import { someOf } from './names.ts';
import type { Verdict } from './types.ts';
import { count, duration, many, size } from './units.ts';

/** What of a verdict is kept in the run's log: figures and sentences, no row values. */
export interface VerdictRecord {
  readonly equal: boolean;
  readonly tables: number;
  readonly rows: number;
  /** Of one side. */
  readonly bytes: number;
  readonly durationMs: number;
  /** On each side. Absent in logs of older versions. */
  readonly connections?: number;
  readonly expected: number;
  /** Lines that say which those are. Absent in logs of older versions. */
  readonly intended?: readonly string[];
  /** Sentences, at most `longest`. */
  readonly differences: readonly string[];
  readonly count: number;
  /** What has no rows of its own, and so was not compared: `2 foreign tables`. Absent: nothing, or in logs of older versions. */
  readonly aside?: readonly string[];
  /** Rows and tables were proved equal while changes flowed; in the write stop only what had changed since was read again. */
  readonly proved?: Proved;
  /** In the write stop: why every row was compared there. */
  readonly unproved?: string;
}
interface Proved {
  /** Rows that were read again. */
  readonly keys: number;
  /** Tables that were compared as a whole. */
  readonly tables: number;
  /** Of them, those that were too large for the proof's own sessions, or differed there. Absent in logs of older versions. */
  readonly large?: readonly string[];
  readonly durationMs: number;
}
const longest = 20;
/** How the reasons of what is not compared begin, and what is counted for each. */
const kinds = [
  ['A foreign table', 'foreign table', 'foreign tables'],
  ['A materialized view', 'materialized view', 'materialized views'],
  ['A table of an extension', 'table of an extension', 'tables of extensions'],
  ['', 'other object', 'other objects'],
] as const;

export function recordOf(verdict: Verdict, connections: number): VerdictRecord {
  const sentences = [
    ...verdict.notCompared.filter(({ obstacle }) => obstacle).map(({ object, reason }) => `${object} could not be compared: ${reason}`),
    ...verdict.tables
      .filter(({ equal }) => !equal)
      .map((table) => `${table.table}: ${table.missing} rows missing, ${table.extra} extra, ${table.changed} changed`),
    ...verdict.objects.map(
      ({ kind, object, source, destination }) =>
        `${kind} ${object}: ${source ?? 'not on the source'} / ${destination ?? 'not on the destination'}`,
    ),
  ];
  return {
    equal: verdict.equal,
    tables: verdict.tables.length,
    rows: verdict.rows,
    bytes: verdict.bytes,
    durationMs: verdict.durationMs,
    connections,
    expected: verdict.expected.length,
    intended: intendedOf(verdict),
    differences: sentences.slice(0, longest),
    count: sentences.length,
    ...asideOf(verdict),
  };
}

function asideOf({ notCompared }: Verdict): Pick<VerdictRecord, 'aside'> {
  const found = notCompared
    .filter(({ obstacle }) => !obstacle)
    .map(({ reason }) => kinds.find(([beginning]) => reason.startsWith(beginning)));
  const aside = kinds.flatMap((kind) => {
    const [, one, more] = kind;
    const n = found.filter((each) => each === kind).length;
    return n > 0 ? [many(n, one, more)] : [];
  });
  return aside.length > 0 ? { aside } : {};
}

/** One sentence of what was compared, with its figures. `rows`: nothing else was looked at. */
export function verdictText(record: VerdictRecord, parts: 'everything' | 'rows' = 'everything'): string {
  const { rows, bytes, durationMs, connections, proved, unproved } = record;
  if (proved && record.equal) return provedText(record, proved, parts);
  const seconds = Math.max(durationMs, 1) / 1_000;
  const by = connections === undefined ? '' : `, ${many(connections, 'connection')}`;
  const rates = `${count(Math.round(rows / seconds))} rows/s, ${size(bytes / seconds)}/s${by} on each side`;
  const figures = `${many(record.tables, 'table')}, ${many(rows, 'row')}, ${size(bytes)}${parts === 'rows' ? '' : ', schema and sequences'} in ${duration(durationMs)} (${rates})`;
  return record.equal
    ? `equal: ${figures}${unproved === undefined ? '' : `; every row, because ${unproved}`}${record.expected > 0 ? `; ${many(record.expected, 'difference')} intended` : ''}${asideText(record)}`
    : `${many(record.count, 'difference')} in ${figures}: ${record.differences.slice(0, 5).join('; ')}${asideText(record)}`;
}

function asideText({ aside = [] }: VerdictRecord): string {
  return aside.length > 0 ? `; not compared: ${aside.join(', ')}` : '';
}

function provedText(record: VerdictRecord, { keys, tables, large = [], durationMs }: Proved, parts: 'everything' | 'rows'): string {
  const again = `${many(keys, 'row')} read again in ${durationMs} ms${tables > 0 ? `, ${many(tables, 'table')} as a whole` : ''}${large.length > 0 ? ` (${someOf(large)})` : ''}`;
  const intended = record.expected > 0 ? `; ${many(record.expected, 'difference')} intended` : '';
  return `equal: ${many(record.tables, 'table')}, ${many(record.rows, 'row')}, ${size(record.bytes)} proved while changes flowed; with the writes off ${again}; ${parts === 'rows' ? '' : 'schema and sequences; '}${duration(record.durationMs)} in all${intended}${asideText(record)}`;
}
