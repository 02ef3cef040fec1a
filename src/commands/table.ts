import { Refused } from '../errors.ts';
import { cut, safe } from '../slack/render/text.ts';
import { abort } from './abort.ts';
import type { Verb } from './context.ts';
import { disconnect } from './disconnect.ts';
import { done } from './done.ts';
import { handoff } from './handoff.ts';
import { helpFor, helpLines, helpOf } from './help.ts';
import { history, report } from './history.ts';
import { lock, unlock } from './lock.ts';
import { note } from './note.ts';
import { nearest } from './parse.ts';
import { pause } from './pause.ts';
import { plan, preflight } from './plan.ts';
import { restartCopy } from './restart-copy.ts';
import { resume } from './resume.ts';
import { retire } from './retire.ts';
import { retry } from './retry.ts';
import { rollback } from './rollback.ts';
import { skip } from './skip.ts';
import { start } from './start.ts';
import { list, status } from './status.ts';
import { diff, validate } from './validate.ts';
import { again, approve, recheck, reject, withdraw } from './votes.ts';
import { whoami } from './whoami.ts';

const help: Verb = {
  name: 'help',
  usage: 'help [verb]',
  words: 1,
  does: 'this list, as far as your roles go; of one verb, who may use it',
  need: 'anybody',
  group: 'Look',
  run: async (context, { words: [name] }) => ({
    text: name === undefined ? (await helpFor(context, verbs)).join('\n') : helpOf(knownVerb(name.toLowerCase()), context),
  }),
};

/** Every verb. Help, the README's table, the terminal's help, buttons and modals are made from it. */
export const verbs: readonly Verb[] = [
  help,
  status,
  plan,
  preflight,
  validate,
  diff,
  list,
  history,
  report,
  whoami,
  start,
  pause,
  resume,
  retry,
  disconnect,
  done,
  retire,
  handoff,
  note,
  lock,
  unlock,
  approve,
  reject,
  withdraw,
  recheck,
  again,
  skip,
  restartCopy,
  rollback,
  abort,
];

/** Flags that may take the next word as their value, of any verb. */
export const valuedFlags: readonly string[] = verbs.flatMap((verb) =>
  (verb.flags ?? []).flatMap((flag) => (flag.valued ? [flag.name] : [])),
);

/** The verb of that name. @throws Refused `verb.unknown`, with the nearest. */
export function knownVerb(name: string): Verb {
  const verb = verbs.find((one) => one.name === name);
  if (verb) return verb;
  const meant = nearest(
    name,
    verbs.map((one) => one.name),
  );
  throw new Refused(
    'verb.unknown',
    `There is no verb “${cut(safe(name), 80)}”.${meant ? ` Did you mean \`${meant}\`?` : ''} \`help\` lists them all.`,
  );
}

const needs = {
  anybody: 'anybody',
  viewer: 'viewer',
  operator: 'operator',
  approver: 'approver',
  admin: 'admin',
  gate: 'as the gate says',
} as const;

/** The README's table, in Markdown. */
export function verbTable(): string {
  const rows = verbs.map((verb) => `| \`${verb.usage}\` | ${needs[verb.need]} | ${verb.does} |`);
  return ['| verb | who | what |', '|---|---|---|', ...rows].join('\n');
}

/** The terminal's help, without roles: it is read before anything is connected. */
export function terminalHelp(): string {
  return helpLines(verbs, '')
    .map((line) => line.replaceAll(/[`*]/g, ''))
    .join('\n');
}
