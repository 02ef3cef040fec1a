import { randomBytes } from 'node:crypto';
import { type App, type types, type ViewOutput, webApi } from '@slack/bolt';
import { NeedsHuman, Refused } from '../errors.ts';
import type { ChannelLog } from './bolt-log.ts';
import type { Actor, Handlers, Reply } from './handlers.ts';
import { redact, redactDeep } from './redact.ts';
import type { ModalMeta } from './render/modals.ts';

export interface ListenOptions {
  readonly handlers: Handlers;
  readonly log: ChannelLog;
  /** Literal values that no answer may hold, beside what `redact` finds by itself. */
  readonly mask?: readonly string[];
  /** Our workspace; people of another one (Slack Connect) are refused. */
  readonly team: () => string | undefined;
  /** The channels that the bot serves. */
  readonly channels: () => ReadonlySet<string>;
  /** The bot's own user: what it posts must never answer itself. */
  readonly botUser: () => string | undefined;
  /** False: what Slack calls by this id was heard before, so that a request that somebody sends again does nothing again. */
  readonly once?: (id: string) => Promise<boolean>;
  /** After how long a command without an answer says that it is still looking. */
  readonly stillMs?: number;
}
/** Buttons that a worker has to look for; the others write a fact. */
const slowButtons: ReadonlySet<string> = new Set(['run:validate']);

interface Person {
  readonly id: string;
  readonly team: string | undefined;
  /** Slack says of itself that it is a bot. */
  readonly bot: boolean;
}

/** One listener each for commands, buttons and modals; the tables are on the other side. Gives what waits for work in flight. */
export function listen(app: App, options: ListenOptions): { readonly idle: () => Promise<void> } {
  const inFlight = new Set<Promise<unknown>>();
  const track = async <T>(work: Promise<T>): Promise<T> => {
    inFlight.add(work);
    try {
      return await work;
    } finally {
      inFlight.delete(work);
    }
  };

  /** The person's answer, whatever happens: nothing that is typed or pressed is ignored in silence. */
  async function answer<T>(person: Person, channel: string, id: string, work: (actor: Actor) => Promise<T>): Promise<T | Reply> {
    try {
      const actor = admit(person, channel, options);
      if (options.once && !(await options.once(id)))
        throw new Refused(
          'request.repeated',
          'This was heard once already, so nothing was done again. Look at `/pgupgrade status`; to do it again, type or press it again.',
        );
      return await work(actor);
    } catch (error) {
      return excuse(error, options.log);
    }
  }

  /** What takes longer says so, to the person who waits. */
  function whileItTakes(respond: Send): NodeJS.Timeout {
    return setTimeout(() => void tell(respond, { text: 'Looking… the answer follows here.' }, options), options.stillMs ?? 1_500);
  }

  app.command(/.*/, async ({ command, ack, respond, client }) => {
    await acknowledge(ack, options.log);
    const person = { id: command.user_id, team: command.team_id, bot: isBot(command) };
    const still = whileItTakes(respond);
    const reply = await track(
      answer(person, command.channel_id, command.trigger_id, async (actor) => {
        const result = await options.handlers.command({ actor, channel: command.channel_id, text: command.text ?? '' });
        if ('modal' in result) await open(client, command.trigger_id, result.modal, options);
        return result;
      }),
    );
    clearTimeout(still);
    if ('modal' in reply) return;
    await tell(respond, reply, options, (message) =>
      client.chat.postEphemeral({ channel: command.channel_id, user: command.user_id, ...message }),
    );
  });

  app.action(/.*/, async ({ action, body, ack, respond, client }) => {
    await acknowledge(ack, options.log);
    if (body.type !== 'block_actions' || !('action_id' in action)) return;
    const person = { id: body.user.id, team: body.user.team_id ?? body.team?.id, bot: isBot(body.user) };
    const channel = body.channel?.id ?? '';
    const value = 'value' in action && typeof action.value === 'string' ? action.value : '';
    const still = slowButtons.has(action.action_id) ? whileItTakes(respond) : undefined;
    const reply = await track(
      answer(person, channel, `${body.trigger_id} ${action.action_id}`, async (actor) => {
        const result = await options.handlers.button({ actor, channel, action: action.action_id, value });
        if ('modal' in result) await open(client, body.trigger_id, result.modal, options);
        return result;
      }),
    );
    clearTimeout(still);
    if ('modal' in reply) return;
    await tell(respond, reply, options, (message) => client.chat.postEphemeral({ channel, user: person.id, ...message }));
  });

  app.view(/.*/, async ({ body, view, ack, client }) => {
    const meta = metaOf(view.private_metadata);
    const values = Object.fromEntries(Object.entries(view.state.values).map(([field, inputs]) => [field, typedIn(inputs['value']).trim()]));
    const person = { id: body.user.id, team: body.user.team_id ?? body.team?.id, bot: isBot(body.user) };
    const submitted = (actor: Actor) => ({ actor, channel: meta.channel, action: meta.action, value: meta.value, values });
    const errors = options.handlers.problems(submitted({ id: person.id, via: 'slack' }));
    if (Object.keys(errors).length > 0) {
      await ack({ response_action: 'errors', errors });
      return;
    }
    await acknowledge(ack, options.log);
    const reply = await track(
      answer(person, meta.channel, `${view.id} ${view.hash}`, (actor) => options.handlers.submit(submitted(actor))),
    );
    const send = (message: { text: string; blocks?: types.KnownBlock[] }) =>
      client.chat.postEphemeral({ channel: meta.channel, user: person.id, ...message });
    await tell(send, reply, options);
  });

  return {
    idle: async () => {
      await Promise.allSettled([...inFlight]);
    },
  };
}

function isBot(said: object): boolean {
  return ('is_bot' in said && said.is_bot === true) || ('bot_id' in said && typeof said.bot_id === 'string' && said.bot_id !== '');
}

function admit(person: Person, channel: string, options: ListenOptions): Actor {
  if (person.bot || person.id === options.botUser() || person.id === 'USLACKBOT' || !/^[UW][A-Z0-9]+$/.test(person.id))
    throw new Refused(
      'actor.not-a-person',
      'Only people can use this bot, because every decision has a name; nothing was changed. Press it yourself.',
    );
  const team = options.team();
  if (team === undefined || person.team !== team)
    throw new Refused(
      'actor.other-workspace',
      'Only people of this workspace can use this bot; nothing was changed. Ask a member of this workspace to do it.',
    );
  const channels = options.channels();
  if (!channels.has(channel))
    throw new Refused(
      'channel.not-served',
      `This bot answers in ${[...channels].map((id) => `<#${id}>`).join(', ')} only, so that everybody concerned sees what happens; nothing was changed, so ask again there.`,
    );
  return { id: person.id, team, via: 'slack' };
}

/** What a person is told when it did not work. An unexpected error gets a reference that is in the bot's own log too. */
function excuse(error: unknown, log: Pick<ChannelLog, 'error'>): Reply {
  if (error instanceof Refused) return { text: `${error.message} (${error.code})` };
  if (error instanceof NeedsHuman) return { text: `${error.message} ${error.remedy} (${error.code})` };
  const reference = randomBytes(2).toString('hex');
  log.error({ reference, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, 'a command or click failed');
  return { text: `Something broke here (ref ${reference}). Look at \`/pgupgrade status\` for what stands now, then try again.` };
}

/** Slack opens a window within three seconds of a click, and only so many a minute: else the person hears it and presses again. */
async function open(client: webApi.WebClient, trigger: string, view: types.ModalView, options: Told): Promise<void> {
  try {
    await client.views.open({ trigger_id: trigger, view: redactDeep(view, options.mask) });
  } catch (error) {
    const code = error instanceof webApi.WebAPIPlatformError ? error.data.error : error instanceof Error ? error.message : String(error);
    options.log.warn({ code }, 'Slack opened no window');
    throw new Refused('slack.no-window', 'Slack opened no window for this; nothing was changed. Press it again in a moment.');
  }
}

/** The socket may have gone since: that must not end the process. */
async function acknowledge(ack: () => Promise<void>, log: ChannelLog): Promise<void> {
  try {
    await ack();
  } catch (error) {
    log.warn({ error: error instanceof Error ? error.message : String(error) }, 'an acknowledgement did not get through');
  }
}

type Send = (message: {
  text: string;
  blocks?: types.KnownBlock[];
  response_type: 'ephemeral' | 'in_channel';
  replace_original: false;
}) => Promise<unknown>;

type Told = Pick<ListenOptions, 'log' | 'mask'>;

/** `instead`: another way, for an answer that comes after the half hour in which Slack takes it. */
async function tell(send: Send, reply: object, options: Told, instead?: Send): Promise<void> {
  if (!('text' in reply) || typeof reply.text !== 'string') return;
  const blocks =
    'blocks' in reply && Array.isArray(reply.blocks) ? { blocks: redactDeep([...(reply.blocks as types.KnownBlock[])], options.mask) } : {};
  try {
    const response_type = 'everybody' in reply ? 'in_channel' : 'ephemeral';
    await send({ text: redact(reply.text, options.mask), ...blocks, response_type, replace_original: false });
  } catch (error) {
    if (instead) return tell(instead, reply, options);
    options.log.warn({ error: error instanceof Error ? error.message : String(error) }, 'an answer did not get through');
  }
}

/** What stands in a field: words, a choice, a person, or a moment as ISO. */
function typedIn(input: ViewOutput['state']['values'][string][string] | undefined): string {
  if (typeof input?.selected_date_time === 'number')
    return new Date(input.selected_date_time * 1_000).toISOString().replace(/\.000Z$/, 'Z');
  return input?.value ?? input?.selected_option?.value ?? input?.selected_user ?? '';
}

function metaOf(text: string): ModalMeta {
  const parsed: unknown = JSON.parse(text || '{}');
  const part = (key: string) => {
    const value: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, key) : undefined;
    return typeof value === 'string' ? value : '';
  };
  return { action: part('action'), value: part('value'), channel: part('channel') };
}
