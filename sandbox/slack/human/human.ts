import { isObject, object, text } from '../json.ts';
import { post, tellFailure, wireMessage } from '../messages.ts';
import { showAck } from '../response-url.ts';
import type { Answer, Channel, Json, Message, Person, View } from '../types.ts';
import { wireView } from '../views.ts';
import { BOT, channelOf, issueResponseUrl, issueTrigger, personOf, TEAM, type Workspace, wirePerson } from '../workspace.ts';
import { findElement, stateOf } from './elements.ts';
import { createModals, type ModalHands, type Values } from './modals.ts';

export type Deliver = (type: 'slash_commands' | 'interactive' | 'events_api', payload: Json) => Promise<Answer>;

export interface Where {
  /** Id or name; the first channel where it is left out. */
  readonly channel?: string;
  readonly thread?: string;
}
export interface Press {
  /** The chosen option's value; for a button it tells which one of several with the same action id. */
  readonly value?: string;
  /** The answer to the button's confirm dialog: true presses its OK, false its Cancel. A button that asks must be answered. */
  readonly confirm?: boolean;
}

/** What a person can do. Persons by id or by name; a thing that a client does not offer (a button that is not there) throws. */
export interface Human extends ModalHands {
  /** Types a line with a slash command. Resolves with the ack, or with the failure that the person was shown. */
  command(user: string, line: string, where?: Where): Promise<Answer>;
  /** Writes an ordinary message, which the bot does not hear of (it has no history scope). */
  say(user: string, words: string, where?: Where): Message;
  /** Uses a button, select or overflow of a message. */
  click(user: string, ts: string, actionId: string, press?: Press): Promise<Answer>;
  /** The message shortcut with that callback id, e.g. "Add to upgrade timeline". */
  shortcut(user: string, ts: string, callbackId: string): Promise<Answer>;
  /** Opens the app's home tab. */
  openHome(user: string): Promise<Answer>;
}
export type { Values };

/** Names as a client sends them with `should_escape: true`: `@operator` becomes `<@U…|operator>`, `#channel` likewise. */
function escapeNames(workspace: Workspace, line: string): string {
  let escaped = line;
  const byLength = [...workspace.options.users].sort((a, b) => b.name.length - a.name.length);
  for (const user of byLength) escaped = escaped.replaceAll(`@${user.name}`, `<@${user.id}|\0${user.name}>`);
  for (const group of workspace.options.usergroups)
    escaped = escaped.replaceAll(`@${group.handle}`, `<!subteam^${group.id}|\0${group.handle}>`);
  for (const channel of workspace.options.channels) escaped = escaped.replaceAll(`#${channel.name}`, `<#${channel.id}|\0${channel.name}>`);
  return escaped.replaceAll('\0', '');
}

/** The hands of everybody in the workspace. */
export function createHuman(workspace: Workspace, deliver: Deliver): Human {
  const { channels } = workspace.options;

  function place(where: Where | undefined): Channel {
    const channel = where?.channel === undefined ? channels[0] : channelOf(workspace, where.channel);
    if (channel) return channel;
    throw new Error(`there is no channel "${where?.channel ?? ''}"; there are ${channels.map((one) => one.name).join(', ')}`);
  }

  function seen(person: Person, ts: string): Message {
    const message = workspace.state.messages.find(
      (one) => one.ts === ts && !one.deleted && (!one.ephemeral || one.ephemeral === person.id),
    );
    if (message) return message;
    throw new Error(`${person.name} sees no message ${ts}`);
  }

  function common(person: Person, channel: Channel): Json {
    return {
      user: wirePerson(person),
      api_app_id: BOT.app,
      token: 'deprecated',
      team: { id: TEAM.id, domain: TEAM.domain },
      enterprise: null,
      is_enterprise_install: false,
      channel: { id: channel.id, name: channel.name },
    };
  }

  async function command(user: string, line: string, where?: Where): Promise<Answer> {
    const person = personOf(workspace, user);
    const channel = place(where);
    const [name = ''] = line.trim().split(/\s+/);
    const words = line.trim().slice(name.length).trim();
    const refuse = (error: string, shown: string): Answer => {
      tellFailure(workspace, channel.id, person.id, shown, where?.thread);
      workspace.refuse(name, error, [shown]);
      return { ok: false, error };
    };
    if (where?.thread) return refuse('not_in_thread', `${name} is not supported in threads. Sorry!`);
    if (!workspace.commands.includes(name)) return refuse('unknown_command', `${name} is not a valid command.`);
    const responseUrl = issueResponseUrl(workspace, { channel: channel.id, user: person.id });
    const answer = await deliver('slash_commands', {
      token: 'deprecated',
      team_id: person.team ?? TEAM.id,
      team_domain: TEAM.domain,
      channel_id: channel.id,
      channel_name: channel.name,
      user_id: person.id,
      user_name: person.name,
      command: name,
      text: escapeNames(workspace, words),
      api_app_id: BOT.app,
      is_enterprise_install: 'false',
      response_url: responseUrl,
      trigger_id: issueTrigger(workspace, person.id),
    });
    if (!answer.ok) return refuse(answer.error, `${name} failed with the error "${answer.error}"`);
    const bad = showAck(workspace, { channel: channel.id, user: person.id }, answer.payload);
    return bad ? refuse(bad, `${name} failed with the error "${bad}"`) : answer;
  }

  /** Sends an interaction; a failure is told to the person at the place where they pressed. */
  async function interact(person: Person, message: Message, what: string, payload: Json): Promise<Answer> {
    const answer = await deliver('interactive', payload);
    if (answer.ok) return answer;
    const words = `${BOT.name} did not answer "${what}" (${answer.error}). Nothing may have happened: try again.`;
    tellFailure(workspace, message.channel, person.id, words, message.broadcast ? undefined : message.threadTs);
    workspace.refuse('interactive', answer.error, [words]);
    return answer;
  }

  function click(user: string, ts: string, actionId: string, press: Press = {}): Promise<Answer> {
    const person = personOf(workspace, user);
    const message = seen(person, ts);
    const { block, element } = findElement(message.blocks, actionId, press.value);
    if (isObject(element['confirm'])) {
      const question = text(object(object(element, 'confirm'), 'text'), 'text');
      if (press.confirm === undefined) throw new Error(`"${actionId}" asks "${question}": answer it with confirm: true or false`);
      if (!press.confirm) return Promise.resolve({ ok: true, payload: {} });
    }
    const channel = place({ channel: message.channel });
    const url = issueResponseUrl(workspace, {
      channel: message.channel,
      user: person.id,
      ts,
      ...(message.threadTs ? { threadTs: message.threadTs } : {}),
    });
    const button = element['type'] === 'button';
    const action = {
      action_id: actionId,
      block_id: block.block_id,
      action_ts: workspace.stamp(),
      ...(button
        ? { type: 'button', text: element['text'], value: element['value'], style: element['style'] }
        : stateOf(element, press.value ?? null)),
    };
    return interact(person, message, button ? text(object(element, 'text'), 'text') : actionId, {
      type: 'block_actions',
      ...common(person, channel),
      container: {
        type: 'message',
        message_ts: ts,
        channel_id: channel.id,
        is_ephemeral: message.ephemeral !== undefined,
        ...(message.threadTs ? { thread_ts: message.threadTs } : {}),
      },
      trigger_id: issueTrigger(workspace, person.id),
      message: wireMessage(message),
      state: { values: button ? {} : { [block.block_id]: { [actionId]: stateOf(element, press.value ?? null) } } },
      response_url: url,
      actions: [action],
    });
  }

  function say(user: string, words: string, where?: Where): Message {
    const person = personOf(workspace, user);
    return post(workspace, {
      channel: place(where).id,
      user: person.id,
      text: escapeNames(workspace, words),
      ...(where?.thread ? { threadTs: where.thread } : {}),
    });
  }

  function shortcut(user: string, ts: string, callbackId: string): Promise<Answer> {
    const person = personOf(workspace, user);
    const message = seen(person, ts);
    const channel = place({ channel: message.channel });
    return interact(person, message, callbackId, {
      type: 'message_action',
      callback_id: callbackId,
      ...common(person, channel),
      message_ts: ts,
      message: wireMessage(message),
      action_ts: workspace.stamp(),
      trigger_id: issueTrigger(workspace, person.id),
      response_url: issueResponseUrl(workspace, { channel: channel.id, user: person.id, ts }),
    });
  }

  function openHome(user: string): Promise<Answer> {
    const person = personOf(workspace, user);
    const home: View | undefined = workspace.state.homes.get(person.id);
    return deliver('events_api', {
      token: 'deprecated',
      team_id: TEAM.id,
      api_app_id: BOT.app,
      type: 'event_callback',
      event_id: workspace.id('Ev'),
      event_time: Math.floor(workspace.now() / 1000),
      authorizations: [{ team_id: TEAM.id, user_id: BOT.user, is_bot: true, enterprise_id: null, is_enterprise_install: false }],
      event: {
        type: 'app_home_opened',
        user: person.id,
        channel: `D${person.id.slice(1)}`,
        tab: 'home',
        event_ts: workspace.stamp(),
        ...(home ? { view: wireView(home) } : {}),
      },
    });
  }

  const modals = createModals(workspace, deliver);
  return { command, say, click, shortcut, openHome, ...modals };
}
