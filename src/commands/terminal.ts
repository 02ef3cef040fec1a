import { NeedsHuman, Refused } from '../errors.ts';
import type { Answer } from '../slack/handlers.ts';
import { plainText } from '../slack/render/plain.ts';
import type { CommandContext } from './context.ts';
import { runVerb } from './handlers.ts';
import { parseArgv } from './parse.ts';
import { valuedFlags } from './table.ts';

export interface TerminalAnswer {
  readonly text: string;
  /** 0 done, 1 refused or somebody must act (or both sides differ), 2 it could not be tried. */
  readonly exitCode: 0 | 1 | 2;
}

/** A verb from a terminal, for the day when Slack is down: the same functions, the same roles; the actor is `terminal:<login>` or a named id. */
export async function runVerbFromTerminal(context: CommandContext, argv: readonly string[]): Promise<TerminalAnswer> {
  try {
    const reply = await runVerb(context, parseArgv(argv, valuedFlags));
    return { text: shown(reply), exitCode: 'exitCode' in reply ? (reply.exitCode ?? 0) : 0 };
  } catch (error) {
    if (error instanceof Refused) return { text: `${plainText(error.message)} (${error.code})`, exitCode: 1 };
    if (error instanceof NeedsHuman) return { text: `${error.message} ${error.remedy} (${error.code})`, exitCode: 1 };
    return { text: error instanceof Error ? error.message : String(error), exitCode: 2 };
  }
}

function shown(reply: Answer): string {
  if ('modal' in reply) return reply.modal.title.text;
  if (reply.verbatim) return reply.text;
  return reply.blocks?.length ? plainText(reply.blocks) : plainText(reply.text);
}
