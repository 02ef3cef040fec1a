import type { types } from '@slack/bolt';
import type { Block } from './render/blocks.ts';

/** Who typed or clicked: a Slack user id, or `terminal:<login>`. */
export interface Actor {
  readonly id: string;
  readonly team?: string;
  readonly via: 'slack' | 'terminal';
}
/** Shown to the person who asked and nobody else. What everybody sees comes from the log, by the outbox. */
export interface Reply {
  readonly text: string;
  readonly blocks?: readonly Block[];
  /** What a terminal ends with; absent: 0. */
  readonly exitCode?: 0 | 1 | 2;
  /** Said in the channel for everybody: what concerns more than the run that its log tells about. */
  readonly everybody?: true;
  /** A file's content for a terminal: nothing of it is markup. */
  readonly verbatim?: true;
}
/** A reply, or the modal that asks for the words that are missing. */
export type Answer = Reply | { readonly modal: types.ModalView };
export interface Pressed {
  readonly actor: Actor;
  readonly channel: string;
  /** The button's or the modal's id: `gate:approve`. */
  readonly action: string;
  /** Ids, joined by `:`. */
  readonly value: string;
}
export interface Submitted extends Pressed {
  /** What was typed, by field. */
  readonly values: Readonly<Record<string, string>>;
}

/** What the channel calls. One table on the other side serves commands, buttons and modals. */
export interface Handlers {
  command(typed: { readonly actor: Actor; readonly channel: string; readonly text: string }): Promise<Answer>;
  button(pressed: Pressed): Promise<Answer>;
  /** What is wrong with the words, by field; looked at before the modal closes. */
  problems(submitted: Submitted): Readonly<Record<string, string>>;
  submit(submitted: Submitted): Promise<Answer>;
}
