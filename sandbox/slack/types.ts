import type { RateLimit } from './rate-limits.ts';

/** What came over the wire as JSON: its shape is checked where it is used. */
export type Json = Readonly<Record<string, unknown>>;

export interface Person {
  readonly id: string;
  readonly name: string;
  /** Another workspace's id makes this person a guest of another company (Slack Connect). */
  readonly team?: string;
}

export interface Channel {
  readonly id: string;
  readonly name: string;
  /** Whether the bot was invited; without it posting is refused: `not_in_channel`, or `channel_not_found` where it is private. */
  readonly botIsMember?: boolean;
  readonly isPrivate?: boolean;
  readonly isArchived?: boolean;
}

export interface UserGroup {
  readonly id: string;
  readonly handle: string;
  readonly users: readonly string[];
}

export type Block = Json & { readonly type: string; readonly block_id: string };

export interface SlackFile {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly size: number;
  readonly mimetype: string;
  readonly url_private: string;
  readonly permalink: string;
}

/** One message as everybody's client shows it. `ephemeral` names its only reader. */
export interface Message {
  readonly ts: string;
  readonly channel: string;
  /** Author: a person's id, the bot's user id, or `USLACKBOT` for what Slack itself says. */
  readonly user: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly threadTs?: string;
  /** A thread reply that is shown in the channel too. */
  readonly broadcast?: boolean;
  readonly ephemeral?: string;
  readonly edited?: { readonly user: string; readonly ts: string };
  readonly deleted?: boolean;
  readonly pinned?: boolean;
  readonly files: readonly SlackFile[];
  readonly metadata?: Json;
  readonly unfurl?: boolean;
}

/** A modal (or a home tab) as one person sees it. */
export interface View {
  readonly id: string;
  readonly hash: string;
  readonly openedBy: string;
  readonly rootId: string;
  readonly previousId?: string;
  readonly type: 'modal' | 'home';
  readonly blocks: readonly Block[];
  /** title, submit, close, callback_id, private_metadata, external_id, notify_on_close … as the bot gave them. */
  readonly definition: Json;
  readonly values: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

/** What would make a telephone buzz. An edit never makes one. */
export interface Notification {
  readonly to: string;
  readonly ts: string;
  readonly channel: string;
  /** The message's top-level text, which is all that a notification shows. */
  readonly text: string;
}

/** Something that the real Slack would have refused or that a person would have seen fail. */
export interface Refusal {
  readonly at: number;
  readonly method: string;
  readonly error: string;
  readonly detail: readonly string[];
}

export type SlackEvent =
  | { readonly kind: 'message' | 'message_changed' | 'message_deleted'; readonly message: Message }
  | { readonly kind: 'view_opened' | 'view_updated' | 'view_closed'; readonly view: View }
  | { readonly kind: 'view_errors'; readonly view: View; readonly errors: Readonly<Record<string, string>> }
  | { readonly kind: 'home'; readonly view: View }
  | { readonly kind: 'notification'; readonly notification: Notification }
  | { readonly kind: 'api'; readonly method: string; readonly ok: boolean; readonly error?: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'delivered'; readonly type: string; readonly ms: number; readonly error?: string }
  | { readonly kind: 'sockets'; readonly open: number };

export type Stamped = SlackEvent & { readonly at: number };
export type Listener = (event: Stamped) => void;

/** How the bot answered: what it acked with, or why the person saw a failure. */
export type Answer =
  | { readonly ok: true; readonly payload: Json }
  | { readonly ok: false; readonly error: string; readonly errors?: Readonly<Record<string, string>> };

/** What a method answers in place of its own answer. `lost`: the work is done and the connection is cut; `silent`: nothing is done and no answer comes. */
export type FaultAnswer = { readonly error: string } | { readonly status: number; readonly retryAfterSeconds?: number } | 'lost' | 'silent';

export interface Faults {
  method?(method: string, args: Json): FaultAnswer | undefined;
  /** True: the envelope or request of this type reaches nobody, so that the person waits for the time-out. */
  loseDelivery?(type: string): boolean;
}

/** Slack's own limits in milliseconds; tests shorten them. */
export interface Limits {
  readonly ackMs: number;
  readonly triggerMs: number;
  readonly responseUrlMs: number;
  readonly responseUrlUses: number;
  /** How often each socket is refreshed; 0 never. */
  readonly socketRefreshMs: number;
}

/** A frame of the panel beside the channel. */
export interface WorldFrame {
  readonly at: number;
  readonly old: WorldSide | null;
  readonly new: WorldSide | null;
  readonly pods: readonly {
    readonly name: string;
    readonly server: string | null;
    readonly acknowledged: number;
    readonly read: number;
    readonly failed: number;
  }[];
  readonly lost: number;
  readonly doubled: number;
  readonly lagBytes: number | null;
  readonly retainedWalBytes: number | null;
  /** How long nobody has got a write acknowledged; null while they write. */
  readonly offMs: number | null;
  /** Times in which nobody got a write acknowledged, in order. */
  readonly outages: readonly { readonly kind: string; readonly ms: number }[];
  readonly redis: { readonly commandsPerSecond: number; readonly memoryBytes: number } | null;
  /** Feature flags of the service by name: `on` or `off`. */
  readonly flags?: Readonly<Record<string, string>>;
}
export interface WorldSide {
  readonly name: string;
  readonly writesPerSecond: number;
  readonly sessions: readonly { readonly user: string; readonly application: string; readonly count: number }[];
}
export interface World {
  /** Calls back with every new frame (and at once with the last one, if there is one). Gives the function that ends it. */
  subscribe(listener: (frame: WorldFrame) => void): () => void;
  /** What a person does who flips a feature flag by hand; false: there is no such flag. */
  flip?(name: string, state: 'on' | 'off'): boolean;
}

export interface SlackOptions {
  readonly port?: number;
  readonly users: readonly Person[];
  readonly channels: readonly Channel[];
  readonly usergroups: readonly UserGroup[];
  readonly botToken?: string;
  readonly appToken?: string;
  readonly signingSecret?: string;
  readonly scopes?: readonly string[];
  /** Slash commands of the app; user and channel names are escaped as with `should_escape: true`. */
  readonly commands?: readonly string[];
  /** `workspace has a free plan`: user groups answer `plan_upgrade_required`. */
  readonly freePlan?: boolean;
  readonly now?: () => number;
  readonly limits?: Partial<Limits>;
  /** `off`, or changes to the defaults of rate-limits.ts, by method. */
  readonly rateLimits?: 'off' | Readonly<Record<string, RateLimit>>;
  readonly faults?: Faults;
  readonly world?: World;
}
