import { isObject, items } from '../json.ts';
import { boolean, byType, type Field, integer, list, may, must, oneOf, type Rule, record, string } from './rules.ts';

/** Composition objects (docs.slack.dev/reference/block-kit/composition-objects). */
export function plainText(most: number): Rule {
  return record({ type: must(oneOf('plain_text')), text: must(string(most)), emoji: may(boolean) });
}

export function anyText(most: number): Rule {
  return byType(() => ({ plain_text: plainText(most), mrkdwn: mrkdwn(most) }));
}

export function mrkdwn(most: number): Rule {
  return record({ type: must(oneOf('mrkdwn')), text: must(string(most)), verbatim: may(boolean) });
}

export const confirm = record({
  title: may(plainText(100)),
  text: must(anyText(300)),
  confirm: may(plainText(30)),
  deny: may(plainText(30)),
  style: may(oneOf('primary', 'danger')),
});

/** `value` is documented with 75 and with 150 characters in different places: the smaller one is safe. */
export const option = record({
  text: must(anyText(75)),
  value: must(string(75)),
  description: may(plainText(75)),
  url: may(string(3000)),
});

export const optionGroup = record({ label: must(plainText(75)), options: must(list(option, 1, 100)) });

/** Options must differ in their values, or a choice could not be told from another. */
export const distinctValues: Rule = (value, pointer, problems) => {
  const seen = new Set<unknown>();
  for (const one of items(value)) {
    const key = isObject(one) ? one['value'] : undefined;
    if (seen.has(key)) problems.push({ pointer, message: `option values must be unique: ${String(key)}` });
    seen.add(key);
  }
};

export const imageSource: Readonly<Record<string, Field>> = {
  image_url: may(string(3000)),
  slack_file: may(record({ id: may(string(255)), url: may(string(3000)) })),
  alt_text: must(string(2000)),
};

export const needsImageSource: Rule = (value, pointer, problems) => {
  if (isObject(value) && (value['image_url'] === undefined) === (value['slack_file'] === undefined))
    problems.push({ pointer, message: 'exactly one of image_url and slack_file is required' });
};

export const dispatchConfig = record({
  trigger_actions_on: may(list(oneOf('on_enter_pressed', 'on_character_entered'), 1, 2)),
});

export const rawText = record({ type: must(oneOf('raw_text')), text: must(string(10_000)) });
export const rawNumber = record({
  type: must(oneOf('raw_number')),
  value: must((value, pointer, problems) => {
    if (typeof value !== 'number') problems.push({ pointer, message: 'must be a number' });
  }),
  text: must(string(10_000)),
});
export const columnSetting = record({ align: may(oneOf('left', 'center', 'right')), is_wrapped: may(boolean) });
export const pageSize = integer(1, 100);
