import { isObject } from '../json.ts';

/** Where a structure breaks Slack's rules: JSON pointer and words. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}

/** Looks at one value and adds what is wrong with it. */
export type Rule = (value: unknown, pointer: string, problems: Problem[]) => void;
export interface Field {
  readonly rule: Rule;
  readonly required: boolean;
}

export const must = (rule: Rule): Field => ({ rule, required: true });
export const may = (rule: Rule): Field => ({ rule, required: false });

function say(problems: Problem[], pointer: string, message: string): void {
  problems.push({ pointer, message });
}

/** A text of `least`..`most` characters. */
export function string(most: number, least = 1): Rule {
  return (value, pointer, problems) => {
    if (typeof value !== 'string') say(problems, pointer, 'must be a string');
    else if (value.length < least) say(problems, pointer, `must be more than ${least - 1} characters`);
    else if (value.length > most) say(problems, pointer, `must be less than ${most + 1} characters`);
  };
}

export function oneOf(...allowed: readonly (string | number)[]): Rule {
  return (value, pointer, problems) => {
    if (!allowed.some((one) => one === value)) say(problems, pointer, `must be a valid enum value: ${allowed.join(', ')}`);
  };
}

export function matching(pattern: RegExp, words: string): Rule {
  return (value, pointer, problems) => {
    if (typeof value !== 'string' || !pattern.test(value)) say(problems, pointer, `must be ${words}`);
  };
}

export const boolean: Rule = (value, pointer, problems) => {
  if (typeof value !== 'boolean') say(problems, pointer, 'must be a boolean');
};

/** A whole number between the two, both allowed. */
export function integer(least: number, most: number): Rule {
  return (value, pointer, problems) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      say(problems, pointer, `must be an integer from ${least} to ${most}`);
  };
}

export const number: Rule = (value, pointer, problems) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) say(problems, pointer, 'must be a number');
};

export function list(rule: Rule, least: number, most: number): Rule {
  return (value, pointer, problems) => {
    if (!Array.isArray(value)) {
      say(problems, pointer, 'must be an array');
      return;
    }
    if (value.length < least) say(problems, pointer, `must have at least ${least} items`);
    if (value.length > most) say(problems, pointer, `no more than ${most} items allowed`);
    for (const [index, item] of value.entries()) rule(item, `${pointer}/${index}`, problems);
  };
}

/** An object of exactly these fields; `also` sees the whole for rules that connect fields. */
export function record(fields: Readonly<Record<string, Field>>, also?: Rule): Rule {
  return (value, pointer, problems) => {
    if (!isObject(value)) {
      say(problems, pointer, 'must be an object');
      return;
    }
    for (const key of Object.keys(value)) if (!(key in fields)) say(problems, `${pointer}/${key}`, `unexpected field: ${key}`);
    for (const [key, field] of Object.entries(fields)) {
      if (value[key] !== undefined) field.rule(value[key], `${pointer}/${key}`, problems);
      else if (field.required) say(problems, pointer, `missing required field: ${key}`);
    }
    also?.(value, pointer, problems);
  };
}

/** Picks the rule by the value's `type`. */
export function byType(kinds: () => Readonly<Record<string, Rule>>): Rule {
  return (value, pointer, problems) => {
    const type = isObject(value) ? value['type'] : undefined;
    const rule = typeof type === 'string' && Object.hasOwn(kinds(), type) ? kinds()[type] : undefined;
    if (rule) rule(value, pointer, problems);
    else say(problems, `${pointer}/type`, `unsupported type: ${String(type)}`);
  };
}

/** Restricts a rule to some types, as a surface or a block allows only some elements. */
export function only(types: readonly string[], rule: Rule): Rule {
  return (value, pointer, problems) => {
    const type = isObject(value) ? value['type'] : undefined;
    if (typeof type === 'string' && types.includes(type)) rule(value, pointer, problems);
    else say(problems, `${pointer}/type`, `must be a valid enum value: ${types.join(', ')}`);
  };
}
