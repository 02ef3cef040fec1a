import type { PodMessage } from './messages.ts';

interface Acknowledged {
  readonly id: string;
  /** `namespace/pod` */
  readonly pod: string;
  readonly seq: number;
  readonly at: number;
  readonly tookMs: number;
  readonly server: string;
}
export interface Outage {
  readonly from: number;
  readonly to: number;
  /** The servers that acknowledged the last write before and the first one after it. */
  readonly before: string;
  readonly after: string;
}

/** Every write that a server acknowledged to a pod, kept by the supervisor: what must be on the new server afterwards. */
export function createLedger() {
  const writes: Acknowledged[] = [];
  const partitions: { readonly at: number; readonly server: string; readonly name: string }[] = [];
  const pods = new Map<
    string,
    { server: string; acknowledged: number; read: number; failed: number; lastError: string | undefined; lastAt: number }
  >();
  const of = (pod: string, server: string) => {
    const known = pods.get(pod) ?? { server, acknowledged: 0, read: 0, failed: 0, lastError: undefined, lastAt: 0 };
    pods.set(pod, known);
    known.server = server;
    return known;
  };

  return {
    hear(pod: string, message: PodMessage): void {
      const known = of(pod, message.server);
      known.lastAt = message.at;
      if (message.type === 'acknowledged') {
        known.acknowledged += 1;
        writes.push({ id: message.id, pod, seq: message.seq, at: message.at, tookMs: message.tookMs, server: message.server });
      } else if (message.type === 'read') known.read += 1;
      else if (message.type === 'failed') {
        known.failed += 1;
        known.lastError = message.error;
      } else if (message.type === 'partition') partitions.push({ at: message.at, server: message.server, name: message.name });
    },
    ended: (pod: string) => pods.delete(pod),
    pods: () => [...pods].map(([name, pod]) => ({ name, ...pod })),
    writes: (): readonly Acknowledged[] => writes,
    partitions: () => [...partitions],
    /** Acknowledged writes in the last `overMs` on that server, per second. */
    rate(server: string, overMs = 1_000, now = Date.now()): number {
      let count = 0;
      for (let index = writes.length - 1; index >= 0; index -= 1) {
        const write = writes[index];
        if (!write || write.at < now - overMs) break;
        if (write.server === server) count += 1;
      }
      return Math.round((count * 1_000) / overMs);
    },
    /** When these pods last got a write acknowledged, ms since the epoch. */
    lastWriteAt: (of: (pod: string) => boolean): number | undefined => writes.findLast(({ pod }) => of(pod))?.at,
    /** Of these pods' acknowledged writes. */
    latency(of: (pod: string) => boolean): { readonly acknowledged: number; readonly p99Ms: number } {
      const took = writes
        .filter(({ pod }) => of(pod))
        .map(({ tookMs }) => tookMs)
        .sort((a, b) => a - b);
      return { acknowledged: took.length, p99Ms: took[Math.ceil(took.length * 0.99) - 1] ?? 0 };
    },
    /** Times of at least `leastMs` in which none of these pods got a write acknowledged. */
    outages(leastMs: number, of: (pod: string) => boolean): readonly Outage[] {
      const own = writes.filter(({ pod }) => of(pod)).sort((a, b) => a.at - b.at);
      return own.flatMap((write, index) => {
        const before = own[index - 1];
        return before && write.at - before.at >= leastMs
          ? [{ from: before.at, to: write.at, before: before.server, after: write.server }]
          : [];
      });
    },
  };
}
export type Ledger = ReturnType<typeof createLedger>;
