import { createHash } from 'node:crypto';
import type { Fact } from '../../engine/facts.ts';
import { redactDeep } from '../redact.ts';

/** A fact and the hash of everything up to it: a fact that is changed, left out or put in changes every hash after it. */
export interface Link {
  readonly hash: string;
  readonly fact: unknown;
}

/** The run's facts, chained: SHA-256 of the hash before and the fact as JSON with sorted keys. Redacted first, so that the chain is that of what is shown. */
export function chainOf(facts: readonly Fact[]): readonly Link[] {
  let before = '';
  return facts.map((fact) => {
    const shown = shownFact(fact);
    before = linkHash(before, shown);
    return { hash: before, fact: shown };
  });
}

export function linkHash(before: string, fact: unknown): string {
  return createHash('sha256')
    .update(`${before}\n${sortedJson(fact)}`)
    .digest('hex');
}

/** A list of a million differing rows is a file of its own; here stands what tells it from another one. */
function shownFact(fact: Fact): unknown {
  const clean: Fact = redactDeep(fact);
  if (!('file' in clean) || clean.file === undefined) return clean;
  const { name, content } = clean.file;
  return { ...clean, file: { name, sha256: createHash('sha256').update(content).digest('hex'), characters: content.length } };
}

function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, inner]) => `${JSON.stringify(key)}:${sortedJson(inner)}`).join(',')}}`;
}
