import { isObject, items, text } from './json.ts';
import { blocksText, messageText, type Names, nameOf } from './terminal-text.ts';
import type { Json, Message, Stamped, View } from './types.ts';

/** Where the words go; a test collects them. */
export interface Terminal {
  readonly base: string;
  readonly write: (line: string) => void;
  /** Ends `tail`. */
  readonly signal?: AbortSignal;
}

const USAGE = `say <person> "<line>" [--thread TS]      types a command (/pgupgrade …) or a message
click <person> <action> [TS] [--value V]  presses a button of the newest message that has it
submit <person> [block=text …]            fills and sends the modal that the person has open
close <person>                            closes it
tail                                      prints the channel as it happens`;

async function get(terminal: Terminal, path: string): Promise<unknown> {
  const response = await fetch(`${terminal.base}${path}`);
  return response.json();
}

async function namesOf(terminal: Terminal): Promise<Names> {
  const found = await get(terminal, '/_workspace');
  if (!isNames(found)) throw new Error(`${terminal.base} is no sandbox: start one with "npm run sandbox"`);
  return found;
}

function isNames(value: unknown): value is Names {
  return isObject(value) && Array.isArray(value['users']) && Array.isArray(value['channels']) && isObject(value['bot']);
}

async function verb(terminal: Terminal, name: string, fields: Json): Promise<Json> {
  const response = await fetch(`${terminal.base}/_human/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
  const answer: unknown = await response.json();
  if (!isObject(answer) || answer['ok'] !== true)
    throw new Error(isObject(answer) ? text(answer, 'error') : `${terminal.base} does not answer`);
  return isObject(answer['result']) ? answer['result'] : {};
}

/** Splits `--name value` options from words. */
function optionsOf(words: readonly string[]): { readonly words: readonly string[]; readonly options: Json } {
  const rest: string[] = [];
  const options: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (/^--\w+$/.test(word)) {
      at += 1;
      options[word.slice(2)] = words[at] ?? '';
    } else rest.push(word);
  }
  return { words: rest, options };
}

/** Says how it went, as a person would see it. Gives the exit code. */
function report(terminal: Terminal, result: Json): number {
  const payload = isObject(result['payload']) ? result['payload'] : {};
  const errors = isObject(result['errors']) ? result['errors'] : isObject(payload['errors']) ? payload['errors'] : {};
  for (const [block, said] of Object.entries(errors)) terminal.write(`${block}: ${String(said)}`);
  if (result['ok'] === false) terminal.write(`✗ ${text(result, 'error')}`);
  return result['ok'] === false || Object.keys(errors).length > 0 ? 1 : 0;
}

async function say(terminal: Terminal, words: readonly string[], options: Json): Promise<number> {
  const [user = '', ...line] = words;
  const typed = line.join(' ');
  const where = options['thread'] === undefined ? {} : { thread: options['thread'] };
  if (!typed.startsWith('/')) {
    await verb(terminal, 'say', { user, text: typed, ...where });
    return 0;
  }
  const result = await verb(terminal, 'command', { user, line: typed, ...where });
  const payload = isObject(result['payload']) ? result['payload'] : {};
  const blocks = items(payload['blocks']).filter(isObject);
  if (blocks.length > 0) terminal.write(blocksText(await namesOf(terminal), blocks));
  else if (text(payload, 'text')) terminal.write(text(payload, 'text'));
  return report(terminal, result);
}

/** A click on a button that asks "are you sure?" answers yes: who types the id has decided. */
async function click(terminal: Terminal, words: readonly string[], options: Json): Promise<number> {
  const [user = '', action = '', ts = ''] = words;
  return report(terminal, await verb(terminal, 'click', { user, action, ts, confirm: true, ...options }));
}

async function submit(terminal: Terminal, words: readonly string[]): Promise<number> {
  const [user = '', ...given] = words;
  const values = Object.fromEntries(given.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
  return report(terminal, await verb(terminal, 'submit', { user, values }));
}

function viewText(names: Names, view: View): string {
  const title = isObject(view.definition['title']) ? text(view.definition['title'], 'text') : '';
  return `┌ ${title}: ${nameOf(names, view.openedBy)} has this open; submit with the ids in <…>\n${blocksText(names, view.blocks)}`;
}

/** One event as lines; edits of a message are told as its first changed line, so that a live board does not flood. */
function eventText(names: Names, event: Stamped, before: Map<string, string>): string | undefined {
  switch (event.kind) {
    case 'message':
    case 'message_changed': {
      const now = messageText(names, event.message);
      const then = before.get(event.message.ts)?.split('\n');
      before.set(event.message.ts, now);
      if (!then) return now;
      return now.split('\n').find((line) => !then.includes(line) && /\p{L}/u.test(line) && !/\brev \d/.test(line));
    }
    case 'view_opened':
      return viewText(names, event.view);
    case 'view_errors':
      return Object.entries(event.errors)
        .map(([block, said]) => `│ ${block}: ${said}`)
        .join('\n');
    case 'refused':
      return `✗ ${event.refusal.method}: ${event.refusal.error} ${event.refusal.detail.join(' ')}`.trimEnd();
    default:
      return undefined;
  }
}

/** Makes the function that turns events into printed lines: for `tail`, and for whoever prints the channel in-process. */
function createPrinter(names: Names, write: (line: string) => void): (event: Stamped) => void {
  const before = new Map<string, string>();
  return (event) => {
    const line = eventText(names, event, before);
    if (line) write(line);
  };
}

/** What was said before is told first, as the state. */
function eventsIn(told: Stamped | { readonly kind: 'state'; readonly messages: readonly Message[] }): readonly Stamped[] {
  return told.kind === 'state' ? told.messages.map((message) => ({ kind: 'message', message, at: 0 })) : [told];
}

async function tail(terminal: Terminal): Promise<number> {
  const names = await namesOf(terminal);
  const print = createPrinter(names, terminal.write);
  const response = await fetch(`${terminal.base}/_events`, terminal.signal ? { signal: terminal.signal } : {});
  let rest = '';
  try {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts)
        if (part.startsWith('data: ')) for (const event of eventsIn(JSON.parse(part.slice('data: '.length)))) print(event);
    }
  } catch (error) {
    if (!terminal.signal?.aborted) throw error;
  }
  return 0;
}

/** The terminal's verbs against a running sandbox. Gives the exit code: 0 done, 1 refused, 2 not understood. */
export async function runTerminal(terminal: Terminal, given: readonly string[]): Promise<number> {
  const [name = '', ...args] = given;
  const { words, options } = optionsOf(args);
  try {
    if (name === 'say' && words.length >= 2) return await say(terminal, words, options);
    if (name === 'click' && words.length >= 2) return await click(terminal, words, options);
    if (name === 'submit' && words.length >= 1) return await submit(terminal, words);
    if (name === 'close' && words.length === 1) return report(terminal, await verb(terminal, 'close', { user: words[0] ?? '' }));
    if (name === 'tail') return await tail(terminal);
  } catch (error) {
    terminal.write(`✗ ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
  terminal.write(USAGE);
  return 2;
}
