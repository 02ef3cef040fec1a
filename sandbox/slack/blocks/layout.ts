import { isObject, items } from '../json.ts';
import { anyElement, INTERACTIVE, TYPED } from './elements.ts';
import { anyText, columnSetting, imageSource, mrkdwn, needsImageSource, pageSize, plainText, rawNumber, rawText } from './objects.ts';
import { richText } from './rich-text.ts';
import { boolean, byType, type Field, list, may, must, number, oneOf, only, type Rule, record, string } from './rules.ts';

function block(fields: Readonly<Record<string, Field>>, also?: Rule): Rule {
  return record({ type: must(string(50)), block_id: may(string(255)), ...fields }, also);
}

const image = only(['image'], anyElement);
const cell = byType(() => ({ raw_text: rawText, raw_number: rawNumber, rich_text: richText }));

/** All cells of a table together; found by experiment elsewhere, not documented. */
function rowsOf(least: number, mostRows: number, mostCharacters: number): Rule {
  return (value, pointer, problems) => {
    list(list(cell, 1, 20), least, mostRows)(value, pointer, problems);
    if (JSON.stringify(value ?? null).length > mostCharacters * 2 || characters(value) > mostCharacters)
      problems.push({ pointer, message: `must be less than ${mostCharacters + 1} characters in all cells` });
    if (new Set(items(value).map((row) => items(row).length)).size > 1)
      problems.push({ pointer, message: 'rows must have the same length' });
  };
}

function characters(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + characters(one), 0);
  if (!isObject(value)) return 0;
  return (typeof value['text'] === 'string' ? value['text'].length : 0) + characters(value['elements']);
}

const card = block({
  hero_image: may(image),
  icon: may(image),
  title: may(mrkdwn(150)),
  subtitle: may(mrkdwn(150)),
  body: may(mrkdwn(200)),
  actions: may(list(only(['button'], anyElement), 1, 3)),
});

const taskCard = block({
  task_id: must(string(255)),
  title: must(string(256)),
  details: may(richText),
  output: may(richText),
  sources: may(list(record({ type: must(oneOf('url')), url: must(string(3000)), text: must(string(256)) }), 0, 20)),
  status: must(oneOf('pending', 'in_progress', 'complete', 'error')),
});

const point = record({ label: must(string(20)), value: must(number) });
const series = record({ name: must(string(20)), data: must(list(point, 1, 20)) });
const axes = record({ categories: must(list(string(20), 1, 20)), x_label: may(string(50)), y_label: may(string(50)) });
const xy = record({ type: must(string(10)), series: must(list(series, 1, 6)), axis_config: must(axes) });
const pie = record({ type: must(string(10)), segments: must(list(point, 1, 20)) });

const IN_CONTAINER = ['actions', 'context', 'divider', 'header', 'image', 'input', 'rich_text', 'section', 'table'];

export const BLOCKS: Readonly<Record<string, Rule>> = {
  section: block(
    {
      text: may(anyText(3000)),
      fields: may(list(anyText(2000), 1, 10)),
      accessory: may(only([...INTERACTIVE, 'image'], anyElement)),
      expand: may(boolean),
    },
    (value, pointer, problems) => {
      if (isObject(value) && value['text'] === undefined && value['fields'] === undefined)
        problems.push({ pointer, message: 'missing required field: text or fields' });
    },
  ),
  header: block({ text: must(plainText(150)) }),
  divider: block({}),
  context: block({ elements: must(list(only(['image', 'mrkdwn', 'plain_text'], anyElement), 1, 10)) }),
  actions: block({ elements: must(list(only(INTERACTIVE, anyElement), 1, 25)) }),
  image: block({ title: may(plainText(2000)), ...imageSource }, needsImageSource),
  input: block({
    label: must(plainText(2000)),
    element: must(only([...INTERACTIVE.filter((type) => type !== 'button' && type !== 'overflow'), ...TYPED], anyElement)),
    hint: may(plainText(2000)),
    optional: may(boolean),
    dispatch_action: may(boolean),
  }),
  rich_text: richText,
  markdown: block({ text: must(string(12_000)) }),
  table: block({ rows: must(rowsOf(1, 100, 10_000)), column_settings: may(list(columnSetting, 0, 20)) }),
  data_table: block({
    rows: must(rowsOf(2, 201, 20_000)),
    caption: must(string(2000)),
    page_size: may(pageSize),
    row_header_column_index: may(number),
  }),
  container: block({
    title: may(plainText(150)),
    rich_text_title: may(richText),
    subtitle: may(anyText(150)),
    child_blocks: must(
      list(
        only(
          IN_CONTAINER,
          byType(() => BLOCKS),
        ),
        1,
        10,
      ),
    ),
    width: may(oneOf('narrow', 'standard', 'wide', 'full')),
    icon: may(image),
    is_collapsible: may(boolean),
    default_collapsed: may(boolean),
    has_header_divider: may(boolean),
  }),
  alert: block({ text: must(anyText(200)), level: may(oneOf('default', 'info', 'warning', 'error', 'success')) }),
  card,
  carousel: block({ elements: must(list(only(['card'], card), 1, 10)) }),
  task_card: taskCard,
  plan: block({ title: must(string(150)), tasks: may(list(taskCard, 0, 50)) }),
  data_visualization: block({
    title: must(string(50)),
    chart: must(byType(() => ({ line: xy, bar: xy, area: xy, pie }))),
  }),
};

const EVERYWHERE = ['section', 'header', 'divider', 'context', 'actions', 'image', 'rich_text', 'input'];
export const ON_SURFACE: Readonly<Record<'message' | 'modal' | 'home', readonly string[]>> = {
  message: [...EVERYWHERE, 'markdown', 'table', 'data_table', 'container', 'card', 'carousel', 'task_card', 'plan', 'data_visualization'],
  modal: [...EVERYWHERE, 'alert', 'card'],
  home: [...EVERYWHERE, 'card', 'carousel'],
};
