import { randomUUID } from 'node:crypto';
import type {
  Channel,
  Json,
  Limits,
  Listener,
  Message,
  Notification,
  Person,
  Refusal,
  SlackEvent,
  SlackFile,
  SlackOptions,
  Stamped,
  View,
} from './types.ts';

export const TEAM = { id: 'T0SANDBOX', name: 'Sandbox', domain: 'sandbox' } as const;
export const BOT = { user: 'U0BOT', id: 'B0BOT', app: 'A0BOT', name: 'pgupgrade' } as const;
/** Slack itself, when it tells a person that the app failed. */
export const SLACKBOT = 'USLACKBOT';

/** Documented: 3 s for an ack, 3 s for a trigger, 30 min and 5 uses for a response_url. Sockets are refreshed by Slack "regularly". */
const LIMITS: Limits = { ackMs: 3000, triggerMs: 3000, responseUrlMs: 30 * 60_000, responseUrlUses: 5, socketRefreshMs: 0 };

const SCOPES = ['commands', 'chat:write', 'files:write', 'usergroups:read', 'pins:write', 'users:read', 'channels:read'];
const KEPT_EVENTS = 20_000;

export interface Trigger {
  readonly user: string;
  readonly at: number;
  /** The modal it was pressed in, for views.push. */
  readonly view?: string;
}
export interface ResponseUrl {
  readonly user: string;
  readonly channel: string;
  readonly ts?: string;
  readonly threadTs?: string;
  readonly at: number;
  readonly uses: number;
}
export interface StoredFile extends SlackFile {
  readonly content?: Buffer;
  readonly shared: boolean;
}

/** Everything that the workspace remembers. Entries are replaced, never changed. */
export interface State {
  readonly messages: Message[];
  readonly views: Map<string, View>;
  readonly homes: Map<string, View>;
  readonly files: Map<string, StoredFile>;
  readonly directMessages: Map<string, Channel>;
  readonly triggers: Map<string, Trigger>;
  readonly usedTriggers: Set<string>;
  readonly responseUrls: Map<string, ResponseUrl>;
  readonly tickets: Set<string>;
  readonly notifications: Notification[];
  readonly refusals: Refusal[];
  readonly unknownMethods: string[];
  readonly log: Stamped[];
}

/** What every part of the stand-in works on. */
export interface Workspace {
  readonly options: SlackOptions;
  readonly limits: Limits;
  readonly scopes: readonly string[];
  readonly commands: readonly string[];
  readonly state: State;
  now(): number;
  /** `http://127.0.0.1:port` once it listens. */
  base(): string;
  setBase(base: string): void;
  emit(event: SlackEvent): void;
  on(listener: Listener): () => void;
  /** A message time stamp that nobody else has. */
  stamp(): string;
  id(prefix: string): string;
  refuse(method: string, error: string, detail?: readonly string[]): void;
}

export function createWorkspace(options: SlackOptions): Workspace {
  const listeners = new Set<Listener>();
  const now = options.now ?? Date.now;
  let base = '';
  let sequence = 0;
  const state: State = {
    messages: [],
    views: new Map(),
    homes: new Map(),
    files: new Map(),
    directMessages: new Map(),
    triggers: new Map(),
    usedTriggers: new Set(),
    responseUrls: new Map(),
    tickets: new Set(),
    notifications: [],
    refusals: [],
    unknownMethods: [],
    log: [],
  };
  function emit(event: SlackEvent): void {
    const stamped: Stamped = { ...event, at: now() };
    state.log.push(stamped);
    if (state.log.length > KEPT_EVENTS) state.log.splice(0, KEPT_EVENTS / 2);
    for (const listener of [...listeners]) listener(stamped);
  }
  return {
    options,
    limits: { ...LIMITS, ...options.limits },
    scopes: options.scopes ?? SCOPES,
    commands: options.commands ?? ['/pgupgrade'],
    state,
    now,
    base: () => base,
    setBase: (url) => {
      base = url;
    },
    emit,
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stamp: () => `${Math.floor(now() / 1000)}.${String(++sequence).padStart(6, '0')}`,
    id: (prefix) => `${prefix}${randomUUID().replaceAll('-', '').slice(0, 10).toUpperCase()}`,
    refuse(method, error, detail = []) {
      const refusal: Refusal = { at: now(), method, error, detail };
      state.refusals.push(refusal);
      emit({ kind: 'refused', refusal });
    },
  };
}

/** A channel by id or by name (with or without `#`), or a direct message by the person's id. */
export function channelOf(workspace: Workspace, given: string): Channel | undefined {
  const name = given.replace(/^#/, '');
  const found = workspace.options.channels.find((channel) => channel.id === given || channel.name === name);
  if (found) return found;
  const person = workspace.options.users.find((user) => user.id === given || `D${user.id.slice(1)}` === given);
  if (!person) return undefined;
  const known = workspace.state.directMessages.get(person.id);
  if (known) return known;
  const direct: Channel = { id: `D${person.id.slice(1)}`, name: 'directmessage', isPrivate: true };
  workspace.state.directMessages.set(person.id, direct);
  return direct;
}

/** A person by id or by name. Throws where there is none: that is a mistake of the test or of the typist. */
export function personOf(workspace: Workspace, given: string): Person {
  const found = workspace.options.users.find((user) => user.id === given || user.name === given);
  if (found) return found;
  throw new Error(`nobody here is called "${given}"; there are ${workspace.options.users.map((user) => user.name).join(', ')}`);
}

export function issueTrigger(workspace: Workspace, user: string, view?: string): string {
  const id = `${workspace.now()}.${randomUUID()}`;
  workspace.state.triggers.set(id, { user, at: workspace.now(), ...(view === undefined ? {} : { view }) });
  return id;
}

/** Takes the trigger, or gives Slack's error: once, and within three seconds (docs: views.open). */
export function takeTrigger(workspace: Workspace, id: string): Trigger | string {
  const { triggers, usedTriggers } = workspace.state;
  if (usedTriggers.has(id)) return 'exchanged_trigger_id';
  const trigger = triggers.get(id);
  if (!trigger) return 'invalid_trigger_id';
  if (workspace.now() - trigger.at > workspace.limits.triggerMs) return 'expired_trigger_id';
  triggers.delete(id);
  usedTriggers.add(id);
  return trigger;
}

export function issueResponseUrl(workspace: Workspace, request: Omit<ResponseUrl, 'at' | 'uses'>): string {
  const id = randomUUID();
  workspace.state.responseUrls.set(id, { ...request, at: workspace.now(), uses: 0 });
  return `${workspace.base()}/actions/${id}`;
}

/** A person as payloads name them. */
export function wirePerson(person: Person): Json {
  return { id: person.id, username: person.name, name: person.name, team_id: person.team ?? TEAM.id };
}
