import type { RunbookShape, RunState } from '../../engine/state.ts';
import { titleOf } from './face.ts';

/** The figures of one comparison of source and destination. */
export interface Compared {
  readonly step: string;
  readonly title: string;
  readonly equal: boolean;
  readonly tables: number;
  readonly rows: number;
  /** Of one side. */
  readonly bytes: number;
  readonly tookMs: number;
  readonly rowsPerSecond: number;
  /** On each side. */
  readonly connections: number | undefined;
  readonly differences: number;
  readonly intended: number;
}

/** The latest comparison of each step that makes one: what it put into the ledger as `verdict`. */
export function comparisonsOf(state: RunState, shape: RunbookShape): readonly Compared[] {
  return [...state.records].flatMap(([step, values]) => {
    const verdict = values.get('verdict');
    if (typeof verdict !== 'object' || verdict === null) return [];
    const number = (key: string) => {
      const value: unknown = Reflect.get(verdict, key);
      return typeof value === 'number' ? value : undefined;
    };
    const [tables, rows, bytes, tookMs] = ['tables', 'rows', 'bytes', 'durationMs'].map(number);
    if (tables === undefined || rows === undefined || bytes === undefined || tookMs === undefined) return [];
    return [
      {
        step,
        title: titleOf(shape, step),
        equal: Reflect.get(verdict, 'equal') === true,
        tables,
        rows,
        bytes,
        tookMs,
        rowsPerSecond: Math.round((rows / Math.max(tookMs, 1)) * 1_000),
        connections: number('connections'),
        differences: number('count') ?? 0,
        intended: number('expected') ?? 0,
      },
    ];
  });
}
