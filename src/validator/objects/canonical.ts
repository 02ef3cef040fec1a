import { createHash } from 'node:crypto';
import { shownName } from '../names.ts';
import type { Item, Line } from './list.ts';

/** The lines of one side as items. `straddles`: one server is older than 16 and the other is not. */
export function canonical(lines: readonly Line[], straddles: boolean): Item[] {
  return lines.map((line) => ({
    kind: line.kind,
    schema: line.schema,
    relation: line.relation,
    object: unquoted(`${line.prefix ?? ''}${shownName(...line.parts)}${line.suffix ?? ''}`),
    text: textOf(line, straddles),
  }));
}

function textOf(line: Line, straddles: boolean): string {
  const printed = plainJson(line.text ?? '');
  const text = line.deparsed && straddles ? withoutQualifiers(printed) : printed;
  // A body can be long and can hold what should not be shown; that it differs is enough.
  return line.kind === 'function' ? `md5 ${createHash('md5').update(text).digest('hex')}` : text;
}

/** 16 and later never quote the type json, earlier ones do when every identifier is quoted. */
function plainJson(text: string): string {
  return text.replaceAll('"json"', 'json');
}

/**
 * 16 and later leave out qualifiers that 15 prints (measured), so across that border they are removed on both sides. What a
 * view then no longer tells (which of two schemas) its list of columns referred to does.
 */
export function withoutQualifiers(text: string): string {
  return text
    .replace(/"(?:[^"]|"")+"\./g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** For people: quotes only where they are needed. */
export function unquoted(text: string): string {
  return text.replace(/"([a-z_][a-z0-9_$]*)"/g, '$1');
}
