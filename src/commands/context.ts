import type { Service } from '../config/schema.ts';
import type { Directory, Dispatcher, RunLog } from '../engine/ports.ts';
import type { RunbookShape } from '../engine/state.ts';
import type { Actor, Answer } from '../slack/handlers.ts';
import type { Trouble } from '../slack/trouble.ts';
import type { Invocation } from './parse.ts';

/** What a verb may use. */
export interface CommandContext {
  readonly log: RunLog;
  readonly dispatcher: Dispatcher;
  /** `unreadable`: groups that could not be asked about, which a refusal then says. */
  readonly directory: Directory & { readonly unreadable?: () => readonly { readonly group: string; readonly why: string }[] };
  readonly services: ReadonlyMap<string, Service>;
  readonly shape: RunbookShape;
  readonly actor: Actor;
  /** Where it was typed; absent in a terminal. */
  readonly channel?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Tells the person alone how far something is that takes long. */
  readonly say?: (text: string) => void;
  /** Puts a file where the run's people find it; gives the sentence that says where. */
  readonly attach?: (request: {
    readonly run: string;
    readonly channel: string;
    readonly file: { readonly name: string; readonly content: string };
  }) => Promise<string>;
  /** The sentence to refuse a start with, if the bot cannot write to the channel. */
  readonly channelProblem?: (channel: string, text: string) => Promise<string | undefined>;
  /** What keeps a run's messages from its channel, as the bot saw it last. */
  readonly channelTrouble?: (run: string) => Promise<Trouble | undefined>;
}

export type Need = 'anybody' | 'viewer' | 'operator' | 'approver' | 'admin' | 'gate';

export interface Flag {
  readonly name: string;
  /** It takes a value, as `--to=17` or `--to 17`; absent: a switch. */
  readonly valued?: true;
}

/** One verb of /pgupgrade: buttons, modals and the terminal call the same function. */
export interface Verb {
  readonly name: string;
  readonly usage: string;
  /** Every flag that it knows; another one is refused before the verb runs. */
  readonly flags?: readonly Flag[];
  /** How many words may follow the verb; absent: any number, the last ones being free text. */
  readonly words?: number;
  /** One line of the help. */
  readonly does: string;
  /** `gate`: the rule of the gate that is asked about decides. */
  readonly need: Need;
  readonly group: 'Look' | 'Run' | 'Decide' | 'Emergency';
  run(context: CommandContext, invocation: Invocation): Promise<Answer>;
}
