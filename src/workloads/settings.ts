/** Old → new words in a setting: connection name or address. */
export interface Replacement {
  readonly from: string;
  readonly to: string;
}

/**
 * `value` with each `from` as a whole word replaced: `10.0.0.1` is not found in `10.0.0.11`, nor `pg15` in `my-pg15`.
 * `undefined`: none is in it.
 */
export function replaced(value: string, replacements: readonly Replacement[]): string | undefined {
  let changed = value;
  for (const { from, to } of replacements) {
    const pattern = new RegExp(`(?<![\\w.-])${from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-]|\\.\\w)`, 'g');
    changed = changed.replace(pattern, () => to);
  }
  return changed === value ? undefined : changed;
}

/** The same way back. */
export function reversed(replacements: readonly Replacement[]): readonly Replacement[] {
  return replacements.map(({ from, to }) => ({ from: to, to: from }));
}

/** A setting as people may read it: passwords of URLs and of key=value strings are masked. */
export function shownSetting(value: string): string {
  return value.replace(/(:\/\/[^:@/\s]*:)[^@/\s]*@/g, '$1***@').replace(/(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s;&]+)/gi, '$1***');
}

/** `16556,16714`: what was there, then what is missing. */
export function withValues(current: string | undefined, values: readonly string[]): string {
  const have = (current ?? '')
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
  return [...new Set([...have, ...values])].join(',');
}
