import { abort } from './abort.ts';
import type { Verb } from './context.ts';
import { done } from './done.ts';
import { helpFor, helpLines } from './help.ts';
import { note } from './note.ts';
import { pause } from './pause.ts';
import { plan, preflight } from './plan.ts';
import { resume } from './resume.ts';
import { retry } from './retry.ts';
import { skip } from './skip.ts';
import { start } from './start.ts';
import { list, status } from './status.ts';
import { again, approve, reject, withdraw } from './votes.ts';
import { whoami } from './whoami.ts';

const help: Verb = {
  name: 'help',
  usage: 'help',
  does: 'this list, as far as your roles go',
  need: 'anybody',
  group: 'Look',
  run: async (context) => ({ text: (await helpFor(context, verbs)).join('\n') }),
};

/** Every verb. Help, the README's table, the terminal's help, buttons and modals are made from it. */
export const verbs: readonly Verb[] = [
  help,
  status,
  plan,
  preflight,
  list,
  whoami,
  start,
  pause,
  resume,
  retry,
  done,
  note,
  approve,
  reject,
  withdraw,
  again,
  skip,
  abort,
];

export function verbNamed(name: string): Verb | undefined {
  return verbs.find((verb) => verb.name === name);
}

const needs = { anybody: 'anybody', viewer: 'viewer', operator: 'operator', approver: 'approver', gate: 'as the gate says' } as const;

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
