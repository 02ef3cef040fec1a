import type { Wanted } from './project.ts';

/** Who goes first. The root is the board's first post: every other message is a reply to it. */
const order = ['root', 'gate', 'failure', 'reply'] as const;
export type Lane = (typeof order)[number];
/** Slack limits each method by itself, posts by channel too. */
export type Method = 'post' | 'file' | 'edit';

export function laneOf({ kind }: Pick<Wanted, 'kind'>): Lane {
  switch (kind) {
    case 'board':
      return 'root';
    case 'gate':
    case 'task':
    case 'reminder':
      return 'gate';
    case 'failure':
    case 'warning':
    case 'exhibits':
    case 'give-back':
    case 'report':
    case 'file':
      return 'failure';
    case 'phase':
    case 'deed':
      return 'reply';
    default:
      return kind satisfies never;
  }
}

/** The board is posted before everything and edited after everything. */
export function editLaneOf(one: Pick<Wanted, 'kind'>): Lane {
  const lane = laneOf(one);
  return lane === 'root' ? 'reply' : lane;
}

export function rank(lane: Lane): number {
  return order.indexOf(lane);
}

/** How long each lane of a method waits. What a lane was told to wait for holds those below it, never those above. */
export interface Pauses {
  hold(method: Method, channel: string, lane: Lane, ms: number): void;
  /** In how many ms the lane may go on; 0 or less: now. */
  waitFor(method: Method, channel: string, lane: Lane): number;
}

export function createPauses(now: () => number): Pauses {
  const until = new Map<string, number>();
  return {
    hold: (method, channel, lane, ms) => {
      until.set(`${method} ${channel} ${lane}`, now() + ms);
    },
    waitFor: (method, channel, lane) =>
      Math.max(...order.slice(0, rank(lane) + 1).map((above) => until.get(`${method} ${channel} ${above}`) ?? 0)) - now(),
  };
}
