import { identifier } from '../../postgres/identifiers.ts';
import { both, type Pair } from '../pairs.ts';
import type { Differing } from '../types.ts';
import { type HashForm, rowHash, shown } from './form.ts';
import { lookUp } from './lookup.ts';
import { type Candidate, keyText } from './pairing.ts';
import type { Table } from './tables.ts';

/** What people see of rows that differ: the key, and for changed ones the columns with both values. */
export async function described(pair: Pair, table: Table, rows: readonly Candidate[], form: HashForm): Promise<Differing[]> {
  return table.key.length > 0 ? keyed(pair, table, rows, form) : bag(pair, table, rows, form);
}

async function keyed(pair: Pair, table: Table, rows: readonly Candidate[], form: HashForm): Promise<Differing[]> {
  const changed = rows.filter((row) => row.source > 0 && row.destination > 0);
  const keyColumns = table.key.map((column) => `t.${identifier(column.name)}::text`);
  // Each column's hash is asked beside its text: a long text is cut, and what is shown alike need not be the same value.
  const output = [...keyColumns, ...table.columns.map(shown), ...table.columns.map((column) => `${rowHash([column], form)}::text`)];
  const values = await both(pair, async (session) => {
    const found = await lookUp(
      session,
      table,
      changed.map((row) => row.key),
      form,
      output,
    );
    return new Map(found.map((row) => [keyText(row.slice(0, keyColumns.length)), row.slice(keyColumns.length)]));
  });
  return rows.flatMap((row): Differing[] => {
    const key = Object.fromEntries(table.key.map((column, i) => [column.name, row.key[i] ?? null]));
    const [a, b] = [values.source.get(keyText(row.key)), values.destination.get(keyText(row.key))];
    const columns = table.columns.flatMap((column, i) => {
      const place = table.columns.length + i;
      return a && b && a[place] !== b[place] ? [{ column: column.name, source: a[i] ?? null, destination: b[i] ?? null }] : [];
    });
    const pairs = Math.min(row.source, row.destination);
    const some = (kind: Differing['kind'], times: number): Differing[] =>
      Array.from({ length: times }, () => ({ key, kind, columns: kind === 'changed' ? columns : [] }));
    return [...some('changed', pairs), ...some('missing', row.source - pairs), ...some('extra', row.destination - pairs)];
  });
}

async function bag(pair: Pair, table: Table, rows: readonly Candidate[], form: HashForm): Promise<Differing[]> {
  const output = [`${rowHash(table.columns, form)}::text`, ...table.columns.map(shown)];
  const values = await both(pair, async (session, side) => {
    const found = await lookUp(
      session,
      table,
      rows.filter((row) => row[side] > 0).map((row) => row.key),
      form,
      output,
    );
    return new Map(found.map(([hash, ...row]) => [hash, row]));
  });
  return rows.flatMap((row): Differing[] =>
    (['source', 'destination'] as const).flatMap((side) => {
      const found = values[side].get(row.key[0] ?? '');
      const key = Object.fromEntries(table.columns.map((column, i) => [column.name, found?.[i] ?? null]));
      const kind = side === 'source' ? 'missing' : 'extra';
      return Array.from({ length: row[side] }, () => ({ key, kind, columns: [] }) as const);
    }),
  );
}
