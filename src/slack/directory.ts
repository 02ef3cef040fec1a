import type { Directory } from '../engine/ports.ts';

export interface SlackDirectory extends Directory {
  /** Groups that Slack did not tell about just now, and why: a refusal says it. */
  unreadable(): readonly { readonly group: string; readonly why: string }[];
}
/** The one method of Slack's Web API that is needed. */
export interface Groups {
  readonly usergroups: {
    readonly users: { list(request: { readonly usergroup: string }): Promise<{ readonly users?: readonly string[] }> };
  };
}
interface Known {
  readonly at: number;
  readonly members: Promise<ReadonlySet<string>>;
}

/**
 * Who may do what, from user ids and user groups (`S…`, kept for `freshMs`, at most a minute). Fails closed: a group
 * that cannot be read has no members. `everyone` is every actor that reached the bot, terminals included.
 */
export function createDirectory(
  web: Groups | undefined,
  options: { readonly freshMs?: number; readonly now?: () => number } = {},
): SlackDirectory {
  const now = options.now ?? Date.now;
  const freshMs = Math.min(options.freshMs ?? 60_000, 60_000);
  const known = new Map<string, Known>();
  const failed = new Map<string, string>();

  async function ask(group: string): Promise<ReadonlySet<string>> {
    try {
      if (!web) throw new Error('Slack is not connected');
      const answer = await web.usergroups.users.list({ usergroup: group });
      failed.delete(group);
      return new Set(answer.users ?? []);
    } catch (error) {
      failed.set(group, error instanceof Error ? error.message : String(error));
      known.delete(group);
      return new Set();
    }
  }
  function members(group: string): Promise<ReadonlySet<string>> {
    const before = known.get(group);
    if (before && now() - before.at < freshMs) return before.members;
    const asked = { at: now(), members: ask(group) };
    known.set(group, asked);
    return asked.members;
  }
  async function belongs(user: string, entry: string): Promise<boolean> {
    if (entry === 'everyone' || entry === user) return true;
    return /^S[A-Z0-9]+$/.test(entry) && /^[UW]/.test(user) && (await members(entry)).has(user);
  }

  return {
    roles: async (user, people) => {
      const found = await Promise.all(
        Object.entries(people).map(async ([role, entries]) => {
          const places = await Promise.all(entries.map((entry) => belongs(user, entry)));
          return places.includes(true) ? [role] : [];
        }),
      );
      return new Set(found.flat());
    },
    unreadable: () => [...failed].map(([group, why]) => ({ group, why })),
  };
}
