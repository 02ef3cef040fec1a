import { isObject, items, object, text } from '../json.ts';
import type { Block, Json } from '../types.ts';

/** What a person put into an element: text, an option's value, or several of them. */
export type Input = string | readonly string[] | null;

function optionsOf(element: Json): readonly Json[] {
  return [
    ...items(element['options']),
    ...items(element['option_groups'])
      .filter(isObject)
      .flatMap((group) => items(group['options'])),
  ].filter(isObject);
}

function chosen(element: Json, value: string): Json {
  const found = optionsOf(element).find((option) => text(option, 'value') === value);
  if (found) return found;
  throw new Error(
    `"${text(element, 'action_id')}" has no option "${value}"; there are ${optionsOf(element)
      .map((option) => text(option, 'value'))
      .join(', ')}`,
  );
}

/** Elements of a block that a person can use, those in containers included. */
export function usable(block: Json): readonly Json[] {
  return [
    ...items(block['elements']),
    block['accessory'],
    block['element'],
    ...items(block['child_blocks']).filter(isObject).flatMap(usable),
  ]
    .filter(isObject)
    .filter((element) => text(element, 'action_id') !== '');
}

/** The element with that action id (and value, where several buttons share the id), with its block. */
export function findElement(blocks: readonly Block[], actionId: string, value?: string): { readonly block: Block; readonly element: Json } {
  const all = blocks.flatMap(flat).flatMap((block) => usable(block).map((element) => ({ block, element })));
  const named = all.filter(({ element }) => text(element, 'action_id') === actionId);
  const found = named.find(({ element }) => element['type'] !== 'button' || value === undefined || text(element, 'value') === value);
  if (found) return found;
  throw new Error(
    `there is no "${actionId}" to press here; there are ${all.map(({ element }) => text(element, 'action_id')).join(', ') || 'no buttons'}`,
  );
}

function flat(block: Block): readonly Block[] {
  const children = items(block['child_blocks']).filter((child): child is Block => isObject(child) && typeof child['type'] === 'string');
  return children.length > 0 ? children : [block];
}

/** An element's state as payloads carry it: `{type, value}`, `{type, selected_option}` and so on. */
export function stateOf(element: Json, input: Input): Json {
  const type = text(element, 'type');
  const one = typeof input === 'string' && input !== '' ? input : null;
  const many = input === null ? [] : typeof input === 'string' ? (input === '' ? [] : [input]) : input;
  switch (type) {
    case 'static_select':
    case 'radio_buttons':
    case 'overflow':
      return { type, selected_option: one === null ? null : chosen(element, one) };
    case 'multi_static_select':
    case 'checkboxes':
      return { type, selected_options: many.map((value) => chosen(element, value)) };
    case 'users_select':
      return { type, selected_user: one };
    case 'multi_users_select':
      return { type, selected_users: many };
    case 'channels_select':
      return { type, selected_channel: one };
    case 'conversations_select':
      return { type, selected_conversation: one };
    case 'datepicker':
      return { type, selected_date: one };
    case 'timepicker':
      return { type, selected_time: one };
    case 'datetimepicker':
      return { type, selected_date_time: one === null ? null : Number(one) };
    default:
      return { type, value: one };
  }
}

/** What an element holds before anybody touched it. */
export function initialInput(element: Json): Input {
  const first = (key: string) => text(object(element, key), 'value');
  const options = items(element['initial_options']).filter(isObject);
  if (options.length > 0) return options.map((option) => text(option, 'value'));
  const when = element['initial_date_time'];
  if (typeof when === 'number') return String(when);
  for (const key of ['initial_value', 'initial_user', 'initial_date', 'initial_time', 'initial_channel', 'initial_conversation'])
    if (text(element, key)) return text(element, key);
  return first('initial_option') || null;
}

/** Why the client would not send this input: Slack checks these before the bot hears of the submission. */
export function inputProblem(block: Json, input: Input): string | undefined {
  const element = object(block, 'element');
  const empty = input === null || input.length === 0;
  if (empty) return block['optional'] === true ? undefined : 'Please complete this required field.';
  if (typeof input !== 'string') return undefined;
  const { min_length: least, max_length: most } = element;
  if (typeof least === 'number' && input.length < least) return `Please use at least ${least} characters.`;
  if (typeof most === 'number' && input.length > most) return `Please use at most ${most} characters.`;
  if (element['type'] === 'number_input') return numberProblem(element, input);
  if (element['type'] === 'email_text_input' && !/^\S+@\S+\.\S+$/.test(input)) return 'Please enter a valid email address.';
  if (element['type'] === 'url_text_input' && !URL.canParse(input)) return 'Please enter a valid URL.';
  return undefined;
}

function numberProblem(element: Json, input: string): string | undefined {
  const pattern = element['is_decimal_allowed'] === true ? /^-?\d+(\.\d+)?$/ : /^-?\d+$/;
  if (!pattern.test(input)) return 'Please enter a valid number.';
  const least = text(element, 'min_value');
  const most = text(element, 'max_value');
  if (least && Number(input) < Number(least)) return `Please enter a number of at least ${least}.`;
  if (most && Number(input) > Number(most)) return `Please enter a number of at most ${most}.`;
  return undefined;
}
