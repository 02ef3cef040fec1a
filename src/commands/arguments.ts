import { Refused } from '../errors.ts';
import { cut, safe } from '../slack/render/text.ts';
import type { Verb } from './context.ts';
import { type Invocation, nearest } from './parse.ts';

/** Refuses what the verb does not know, before anything is read or done: a flag that is ignored is a wish that is not heard. */
export function checkArguments(verb: Verb, invocation: Invocation): void {
  const known = verb.flags ?? [];
  for (const [name, value] of Object.entries(invocation.flags)) {
    const flag = known.find((one) => one.name === name);
    if (!flag) throw new Refused('flag.unknown', unknownFlag(verb, name));
    if (flag.valued && (value === true || value === ''))
      throw new Refused('flag.value-missing', `\`--${name}\` needs a value: \`${verb.usage}\`. Nothing was changed.`);
    if (!flag.valued && value !== true)
      throw new Refused('flag.value-unknown', `\`--${name}\` takes no value: \`${verb.usage}\`. Nothing was changed.`);
  }
  const extra = verb.words === undefined ? undefined : invocation.words[verb.words];
  if (extra !== undefined)
    throw new Refused('words.too-many', `\`${verb.name}\` does not know “${shown(extra)}”: \`${verb.usage}\`. Nothing was changed.`);
}

function unknownFlag(verb: Verb, name: string): string {
  const names = (verb.flags ?? []).map((flag) => flag.name);
  const meant = nearest(name, names);
  const has = names.length ? ` It has ${names.map((one) => `\`--${one}\``).join(', ')}.` : ' It has none.';
  return `\`${verb.name}\` has no flag \`--${shown(name)}\`.${meant ? ` Did you mean \`--${meant}\`?` : has} Nothing was changed.`;
}

function shown(text: string): string {
  return cut(safe(text).replaceAll('`', 'ʼ'), 80);
}
