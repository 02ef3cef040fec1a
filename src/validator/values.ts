import { count } from './units.ts';

const widest = 300;

/** Both texts, cut around their first difference where they are long. */
export function pair(source: string | null, destination: string | null): readonly [string, string] {
  if (source === null || destination === null) return [shown(source), shown(destination)];
  if (Math.max(source.length, destination.length) <= widest) return [shown(source), shown(destination)];
  let same = 0;
  while (same < source.length && source[same] === destination[same]) same++;
  const from = Math.max(0, same - 40);
  const cut = (text: string) =>
    `${from > 0 ? '…' : ''}${escaped(text.slice(from, from + widest))}${text.length > from + widest ? `… (${count(text.length)} characters)` : ''}`;
  return [cut(source), cut(destination)];
}

/** One value on one line, cut where it is long. */
export function shown(text: string | null): string {
  if (text === null) return 'NULL';
  if (text === '') return "''";
  return text.length > widest ? `${escaped(text.slice(0, widest))}… (${count(text.length)} characters)` : escaped(text);
}

/** On one line; blanks stay, because they may be what differs. */
function escaped(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
}
