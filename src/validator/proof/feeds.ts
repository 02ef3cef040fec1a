import type { Side } from '../../postgres/types.ts';
import type { Flow } from '../types.ts';
import type { Change } from './change.ts';
import { type Feed, type FeedConnection, openFeed } from './feed.ts';
import type { OpenSet } from './open-set.ts';

export interface FeedConnections {
  readonly source: FeedConnection;
  readonly destination: FeedConnection;
}
type Row = Extract<Change, { readonly kind: 'row' }>;

/** The change feeds of one database: all changes of both sides, and once more those that nobody replicated, where changes go to. */
export interface Feeds {
  /** Errors: why one has ended. */
  refuseEnded(): void;
  reached(side: Side, lsn: bigint, signal: AbortSignal): Promise<void>;
  /** Lets the servers forget what is proved. */
  confirm(open: OpenSet): void;
  close(): Promise<void>;
}
const feedName = 'pgupgrade-proof';

export async function openFeeds(
  {
    feeds: connections,
    database,
    slots,
    flow,
  }: {
    readonly feeds: FeedConnections;
    readonly database: string;
    readonly slots: { readonly feed: string; readonly local: string };
    readonly flow: Flow;
  },
  heard: {
    readonly named: (side: Side, change: Row, before: bigint) => void;
    readonly writtenTo: (change: Row) => void;
  },
): Promise<Feeds> {
  const start = async (side: Side, slot: string, localOnly: boolean, change: (change: Row, before: bigint) => void) =>
    openFeed(await connections[side].open(database, feedName), slot, { localOnly }, change);
  const to = flow.from === 'source' ? 'destination' : 'source';
  const started = await Promise.allSettled([
    start('source', slots.feed, false, (change, before) => heard.named('source', change, before)),
    start('destination', slots.feed, false, (change, before) => heard.named('destination', change, before)),
    start(to, slots.local, true, heard.writtenTo),
  ]);
  const all = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [source, destination, local] = all;
  const failed = started.find((one) => one.status === 'rejected');
  if (failed || !source || !destination || !local) {
    await Promise.all(all.map((feed) => feed.close()));
    throw failed?.reason;
  }
  const of: Record<Side, readonly [Feed, ...Feed[]]> = { source: [source], destination: [destination] };
  of[to] = [...of[to], local];
  let told = 0n;
  return {
    refuseEnded() {
      for (const { ended } of all) if (ended) throw ended;
    },
    reached: async (side, lsn, signal) => {
      await Promise.all(of[side].map((feed) => feed.reached(lsn, signal)));
    },
    confirm(open) {
      for (const [side, [feed]] of Object.entries(of) as [Side, readonly [Feed]][]) feed.confirm(open.confirmable(side, feed.position));
      // Who wrote is told between two rounds.
      local.confirm(told);
      told = local.position;
    },
    close: async () => {
      await Promise.all(all.map((feed) => feed.close()));
    },
  };
}
