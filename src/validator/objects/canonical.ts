import { createHash } from 'node:crypto';
import { shownName } from '../names.ts';
import { canonicalExpression } from './expression.ts';
import type { Item, Line } from './list.ts';
import { tokensOf, unquoted, withoutQualifiers } from './tokens.ts';

export interface Spelling {
  /** One server is older than 16 and the other is not. */
  readonly straddles16: boolean;
  /** Of the side that the lines come from. */
  readonly schemas: ReadonlySet<string>;
}

/** The lines of one side as items: each with its text for people, and with the spelling that both sides have in common. */
export function canonical(lines: readonly Line[], spelling: Spelling): Item[] {
  return lines.map((line) => {
    const text = line.text ?? '';
    const compared = comparedText(line, text, spelling);
    // A body can be long and can hold what should not be shown; that it differs is enough.
    const brief = line.kind === 'function' ? `md5 ${createHash('md5').update(compared).digest('hex')}` : undefined;
    return {
      kind: line.kind,
      schema: line.schema,
      relation: line.relation,
      object: unquoted(`${line.prefix ?? ''}${shownName(...line.parts)}${line.suffix ?? ''}`),
      text: brief ?? unquoted(text),
      compared: brief ?? compared,
    };
  });
}

function comparedText(line: Line, text: string, { straddles16, schemas }: Spelling): string {
  // What people wrote is compared letter by letter.
  if (line.kind === 'comment' || line.kind === 'setting') return text;
  const tokens = tokensOf(text);
  return canonicalExpression(line.deparsed && straddles16 ? withoutQualifiers(tokens, schemas) : tokens);
}
