import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandContext } from '../../src/commands/context.ts';
import { runVerb } from '../../src/commands/handlers.ts';
import { parse } from '../../src/commands/parse.ts';
import { valuedFlags } from '../../src/commands/table.ts';
import { parseService } from '../../src/config/load.ts';
import { Refused } from '../../src/errors.ts';
import { createDirectory } from '../../src/slack/directory.ts';
import type { Reply } from '../../src/slack/handlers.ts';
import { type MemoryRunLog, memoryRunLog } from './memory-run-log.ts';
import { PEOPLE } from './slack-people.ts';
import { firstAt, smallShape } from './slack-runs.ts';

/** Verbs on a log in memory, with the procedure's own service file and the sandbox's people. */
export async function commandsContext(now: () => number = () => firstAt) {
  const file = join(import.meta.dirname, '../../services/inapp.yaml');
  const service = parseService(await readFile(file, 'utf8'), file);
  const log: MemoryRunLog = memoryRunLog(now);
  const advanced: string[] = [];
  const groups = {
    usergroups: {
      users: {
        list: async ({ usergroup }: { readonly usergroup: string }) => ({
          ok: true,
          users: [...(PEOPLE.usergroups.find((one) => one.id === usergroup)?.users ?? [])],
        }),
      },
    },
  };
  const directory = createDirectory(groups);
  const as = (id: string, more: Partial<CommandContext> = {}): CommandContext => ({
    log,
    dispatcher: {
      advance: async (run) => {
        advanced.push(run);
      },
      look: async () => ({ lines: [{ step: 'preflight', title: 'Preflight', state: 'done', text: ['nothing blocks'] }] }),
    },
    directory,
    services: new Map([[service.service, service]]),
    shape: smallShape,
    actor: { id, via: 'slack' },
    channel: 'C0MIGRATION',
    now,
    ...more,
  });
  return {
    as,
    log,
    advanced,
    service,
    /** Everything forgotten. */
    reset: () => {
      log.clear();
      advanced.length = 0;
    },
    /** Everything that a verb can change, to compare. */
    picture: () => log.picture(),
  };
}

const type = (context: CommandContext, text: string) => runVerb(context, parse(text, valuedFlags));

/** Types a line; gives the words of the answer. */
export async function say(context: CommandContext, text: string): Promise<Reply> {
  const answer = await type(context, text);
  if ('modal' in answer) throw new Error(`a modal was opened: ${answer.modal.title.text}`);
  return answer;
}

/** Types a line that opens a modal; gives it. */
export async function opened(context: CommandContext, text: string) {
  const answer = await type(context, text);
  if (!('modal' in answer)) throw new Error(`no modal was opened: ${answer.text}`);
  return answer.modal;
}

/** The refusal that it ends in, as `code: sentence`. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Refused) return `${error.code}: ${error.message}`;
  throw new Error(`it was not refused: ${String(error)}`);
}
