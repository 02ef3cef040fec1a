import { setTimeout as pause } from 'node:timers/promises';
import type { Slack } from './slack/slack.ts';
import type { Answer, Block, Json, Message } from './slack/types.ts';

/** What the people of the hands-free demo may touch besides the channel. */
export interface Stage {
  readonly slack: Slack;
  /** The feature flags that a person flips by hand. */
  readonly flags: Map<string, string>;
}
const approvers = ['U0APPROVER', 'U0SECOND'];
const operator = 'U0OPERATOR';
const presses = 15;
const pressAgainAfterMs = 1_000;
/** A file that a pull request would hold; the demo has no repository. */
const pullRequest = 'https://github.com/example/me-infrastructure/pull/4711';

/** Slack tells when the bot did not answer in its three seconds, or is not connected at all: then people press again after a moment. */
export async function insist(act: () => Promise<Pick<Answer, 'ok'>>): Promise<void> {
  for (let time = 1; time <= presses; time += 1) {
    if ((await act()).ok) return;
    await pause(pressAgainAfterMs);
  }
  throw new Error(`the bot did not answer ${presses} times`);
}

/** The buttons of a message, with what they carry. */
export function buttons(blocks: readonly Block[]): readonly { readonly id: string; readonly value: string }[] {
  return blocks
    .flatMap((block) => (block.type === 'actions' && Array.isArray(block['elements']) ? (block['elements'] as Json[]) : []))
    .flatMap((element) =>
      element['type'] === 'button' ? [{ id: String(element['action_id']), value: String(element['value'] ?? '') }] : [],
    );
}

/**
 * The people of the demo: the right ones approve what is asked, do the tasks and press Done. `requesterTries`: the one who
 * asked for the run tries to approve it first, and is refused. Gives the function that sends them home.
 */
export function openCast(
  { slack, flags }: Stage,
  options: {
    readonly requesterTries: boolean;
    readonly onTrouble: (words: string) => void;
    /** Gates that these people leave to somebody else. */
    readonly leaves?: (gate: string) => boolean;
  },
): () => void {
  const done = new Set<string>();
  /** What people switched, as they found it. */
  const before = new Map<string, string>();
  const once = (key: string, act: () => Promise<Answer>) => {
    if (done.has(key)) return;
    done.add(key);
    // While the bot is away nobody hears: people wait until it is back.
    const heard = () => slack.waitForSockets(1, 180_000).then(act);
    insist(heard).catch((error: unknown) => options.onTrouble(`${key}: ${error instanceof Error ? error.message : String(error)}`));
  };

  function approve(message: Message, value: string, user: string): Promise<Answer> {
    return slack.human.click(user, message.ts, 'gate:approve', { value, confirm: true });
  }

  function vote(message: Message, value: string): void {
    const [, ...rest] = value.split(':');
    const gate = rest.slice(0, -1).join(':');
    if (options.leaves?.(gate)) return;
    if (gate === 'create-destination') {
      once(`${value} lead`, () => approve(message, value, 'U0LEAD'));
      return;
    }
    const [first = '', second = ''] = approvers;
    if (/^approve-(cutover|rollback)$/.test(gate) && options.requesterTries)
      once(`${value} requester`, () => approve(message, value, operator));
    once(`${value} ${first}`, () => approve(message, value, first));
    // The card says so while one vote is missing.
    if (JSON.stringify(message.blocks).includes('1 more')) once(`${value} ${second}`, () => approve(message, value, second));
  }

  function flip(message: Message): void {
    const said = JSON.stringify(message.blocks);
    for (const [, name = '', state = ''] of said.matchAll(/([A-Z][A-Z0-9_]{5,})\W+(?:to\W+)?(on|off)\b/g)) {
      if (!before.has(name)) before.set(name, flags.get(name) ?? 'off');
      flags.set(name, state);
    }
  }

  function flipBack(message: Message): void {
    const said = JSON.stringify(message.blocks);
    for (const [name, state] of before)
      if (said.includes(name)) {
        flags.set(name, state);
        before.delete(name);
      }
  }

  async function answer(message: Message, value: string): Promise<Answer> {
    const opened = slack.waitForView((view) => view.openedBy === operator && JSON.stringify(view.definition).includes(value));
    await slack.human.click(operator, message.ts, 'task:answer', { value });
    const named = /to have it deleted: ([a-z0-9-]+)/.exec(JSON.stringify(message.blocks))?.[1];
    return slack.human.submit(operator, (await opened).id, { answer: named ?? pullRequest });
  }

  function look(message: Message): void {
    if (message.ephemeral !== undefined || message.deleted) return;
    for (const { id, value } of buttons(message.blocks)) {
      if (id === 'gate:approve') vote(message, value);
      if (id === 'task:done')
        once(`${message.ts} done`, () => {
          flip(message);
          return slack.human.click(operator, message.ts, id, { value });
        });
      // What people did by hand they take back by hand; the bot cannot, and says so.
      if (id === 'run:retry' && JSON.stringify(message.blocks).includes('workloads.by-hand'))
        once(`${message.ts} by hand`, () => {
          flipBack(message);
          return slack.human.click(operator, message.ts, id, { value });
        });
      if (id === 'task:answer') once(`${message.ts} answer`, () => answer(message, value));
    }
  }
  return slack.on((event) => {
    if (event.kind === 'message' || event.kind === 'message_changed') look(event.message);
  });
}
