import { isObject, items, text } from '../json.ts';
import type { Block } from '../types.ts';
import { BLOCKS, ON_SURFACE } from './layout.ts';
import { plainText } from './objects.ts';
import { boolean, byType, list, may, must, oneOf, only, type Problem, type Rule, record, string } from './rules.ts';

export type Surface = 'message' | 'modal' | 'home';

const MOST_BLOCKS: Readonly<Record<Surface, number>> = { message: 50, modal: 100, home: 100 };
/** Slack refuses a second one of these in one message. */
const MOST_OF_A_TYPE: Readonly<Record<string, number>> = { table: 1, data_visualization: 2, plan: 1 };
/** Undocumented: `msg_blocks_too_long` comes at about 13 200 characters of blocks (slackapi/bolt-js#2509). */
export const MOST_MESSAGE_CHARACTERS = 13_200;
const MOST_VIEW_BYTES = 250_000;

function elementsOf(block: unknown): readonly unknown[] {
  if (!isObject(block)) return [];
  return [...items(block['elements']), block['accessory'], block['element'], ...items(block['child_blocks']).flatMap(elementsOf)];
}

function uniqueIds(blocks: readonly unknown[], pointer: string, problems: Problem[]): void {
  const blockIds = new Set<string>();
  for (const [index, block] of blocks.entries()) {
    if (!isObject(block)) continue;
    const id = text(block, 'block_id');
    if (id && blockIds.has(id)) problems.push({ pointer: `${pointer}/${index}/block_id`, message: `block_id "${id}" already exists` });
    blockIds.add(id);
    const actionIds = new Set<string>();
    for (const element of elementsOf(block)) {
      const action = isObject(element) ? text(element, 'action_id') : '';
      if (action && actionIds.has(action))
        problems.push({ pointer: `${pointer}/${index}`, message: `action_id "${action}" already exists in this block` });
      actionIds.add(action);
    }
  }
}

/** Everything that Slack would answer `invalid_blocks` to, with the limits of docs.slack.dev/reference/block-kit. */
export function blockProblems(blocks: unknown, surface: Surface, pointer = '/blocks'): readonly Problem[] {
  const problems: Problem[] = [];
  const rule: Rule = list(
    only(
      ON_SURFACE[surface],
      byType(() => BLOCKS),
    ),
    0,
    MOST_BLOCKS[surface],
  );
  rule(blocks, pointer, problems);
  uniqueIds(items(blocks), pointer, problems);
  for (const [type, most] of Object.entries(MOST_OF_A_TYPE)) {
    const count = items(blocks).filter((block) => isObject(block) && block['type'] === type).length;
    if (count > most) problems.push({ pointer, message: `no more than ${most} blocks of type ${type} allowed` });
  }
  return problems;
}

const anyBlocks: Rule = () => undefined;
const common = {
  callback_id: may(string(255)),
  external_id: may(string(255)),
  private_metadata: may(string(3000, 0)),
  blocks: must(anyBlocks),
};
const shapes: Readonly<Record<string, Rule>> = {
  modal: record({
    type: must(oneOf('modal')),
    title: must(plainText(24)),
    submit: may(plainText(24)),
    close: may(plainText(24)),
    clear_on_close: may(boolean),
    notify_on_close: may(boolean),
    submit_disabled: may(boolean),
    ...common,
  }),
  home: record({ type: must(oneOf('home')), ...common }),
};

/** Everything that Slack would refuse in a view; `view_too_large` is the first problem where it is too large. */
export function viewProblems(view: unknown): readonly Problem[] {
  const problems: Problem[] = [];
  byType(() => shapes)(view, '/view', problems);
  if (!isObject(view)) return problems;
  const surface: Surface = view['type'] === 'home' ? 'home' : 'modal';
  problems.push(...blockProblems(view['blocks'], surface, '/view/blocks'));
  const hasInput = items(view['blocks']).some((block) => isObject(block) && block['type'] === 'input');
  if (surface === 'modal' && hasInput && view['submit'] === undefined)
    problems.push({ pointer: '/view/submit', message: 'submit is required when an input block is within blocks' });
  if (JSON.stringify(view).length > MOST_VIEW_BYTES) problems.unshift({ pointer: '/view', message: 'view_too_large' });
  return problems;
}

export function describe(problems: readonly Problem[]): readonly string[] {
  return problems.map((problem) => `[ERROR] ${problem.message} [json-pointer:${problem.pointer}]`);
}

/** Checked blocks as Slack keeps them: each with a block_id, each element with an action_id. */
export function withIds(blocks: unknown, id: () => string): readonly Block[] {
  const named = (element: unknown): unknown =>
    isObject(element) && typeof element['type'] === 'string' && !['mrkdwn', 'plain_text', 'image'].includes(element['type'])
      ? { ...element, action_id: text(element, 'action_id') || id() }
      : element;
  return items(blocks)
    .filter(isObject)
    .map((block) => ({
      ...block,
      type: text(block, 'type'),
      block_id: text(block, 'block_id') || id(),
      ...(block['type'] === 'actions' ? { elements: items(block['elements']).map(named) } : {}),
      ...(block['accessory'] === undefined ? {} : { accessory: named(block['accessory']) }),
      ...(block['element'] === undefined ? {} : { element: named(block['element']) }),
      ...(block['child_blocks'] === undefined ? {} : { child_blocks: withIds(block['child_blocks'], id) }),
    }));
}
