import { isObject } from '../json.ts';
import {
  anyText,
  confirm,
  dispatchConfig,
  distinctValues,
  imageSource,
  needsImageSource,
  option,
  optionGroup,
  plainText,
} from './objects.ts';
import { boolean, byType, type Field, integer, list, matching, may, must, oneOf, type Rule, record, string } from './rules.ts';

type Fields = Readonly<Record<string, Field>>;

const placeholder: Fields = { placeholder: may(plainText(150)) };
const focus: Fields = { focus_on_load: may(boolean) };
const dispatch: Fields = { dispatch_action_config: may(dispatchConfig) };
const confirming: Fields = { confirm: may(confirm) };
const date = matching(/^\d{4}-\d{2}-\d{2}$/, 'a date as YYYY-MM-DD');
const time = matching(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time as HH:mm');

function element(...fields: readonly Fields[]): Rule {
  return record(Object.assign({ type: must(string(50)), action_id: may(string(255)) }, ...fields));
}

function options(least: number, most: number): Field {
  return must((value, pointer, problems) => {
    list(option, least, most)(value, pointer, problems);
    distinctValues(value, pointer, problems);
  });
}

/** A select takes either options or groups of them. */
function choice(fields: Fields): Rule {
  return record(
    {
      type: must(string(50)),
      action_id: may(string(255)),
      options: may(list(option, 1, 100)),
      option_groups: may(list(optionGroup, 1, 100)),
      ...placeholder,
      ...focus,
      ...confirming,
      ...fields,
    },
    (value, pointer, problems) => {
      if (!isObject(value)) return;
      if ((value['options'] === undefined) === (value['option_groups'] === undefined))
        problems.push({ pointer, message: 'exactly one of options and option_groups is required' });
      distinctValues(value['options'], `${pointer}/options`, problems);
    },
  );
}

const ids = list(string(50), 0, 100);

const kinds: Readonly<Record<string, Rule>> = {
  button: element(confirming, {
    text: must(plainText(75)),
    value: may(string(2000)),
    url: may(string(3000)),
    style: may(oneOf('primary', 'danger')),
    accessibility_label: may(string(75)),
  }),
  overflow: element(confirming, { options: options(1, 5) }),
  checkboxes: element(confirming, focus, { options: options(1, 10), initial_options: may(list(option, 1, 10)) }),
  radio_buttons: element(confirming, focus, { options: options(1, 10), initial_option: may(option) }),
  static_select: choice({ initial_option: may(option) }),
  multi_static_select: choice({ initial_options: may(list(option, 1, 100)), max_selected_items: may(integer(1, 100)) }),
  users_select: element(confirming, focus, placeholder, { initial_user: may(string(50)) }),
  multi_users_select: element(confirming, focus, placeholder, { initial_users: may(ids), max_selected_items: may(integer(1, 100)) }),
  channels_select: element(confirming, focus, placeholder, { initial_channel: may(string(50)), response_url_enabled: may(boolean) }),
  conversations_select: element(confirming, focus, placeholder, {
    initial_conversation: may(string(50)),
    default_to_current_conversation: may(boolean),
    response_url_enabled: may(boolean),
  }),
  datepicker: element(confirming, focus, placeholder, { initial_date: may(date) }),
  timepicker: element(confirming, focus, placeholder, { initial_time: may(time), timezone: may(string(50)) }),
  datetimepicker: element(confirming, focus, { initial_date_time: may(integer(1_000_000_000, 9_999_999_999)) }),
  plain_text_input: element(focus, dispatch, placeholder, {
    initial_value: may(string(3000, 0)),
    multiline: may(boolean),
    min_length: may(integer(0, 3000)),
    max_length: may(integer(1, 3000)),
  }),
  number_input: element(focus, dispatch, placeholder, {
    is_decimal_allowed: must(boolean),
    initial_value: may(string(50)),
    min_value: may(string(50)),
    max_value: may(string(50)),
  }),
  email_text_input: element(focus, dispatch, placeholder, { initial_value: may(string(3000)) }),
  url_text_input: element(focus, dispatch, placeholder, { initial_value: may(string(3000)) }),
  image: record({ type: must(oneOf('image')), ...imageSource }, needsImageSource),
  mrkdwn: anyText(3000),
  plain_text: anyText(3000),
};

/** Any block element; which of them a block takes is the block's business. */
export const anyElement: Rule = byType(() => kinds);

export const INTERACTIVE = [
  'button',
  'overflow',
  'checkboxes',
  'radio_buttons',
  'static_select',
  'multi_static_select',
  'users_select',
  'multi_users_select',
  'channels_select',
  'conversations_select',
  'datepicker',
  'timepicker',
  'datetimepicker',
] as const;
export const TYPED = ['plain_text_input', 'number_input', 'email_text_input', 'url_text_input'] as const;
