import type { Execution, OpenClients, OpenedClients, Subject } from './open-clients.ts';

/** Longer than any hop between two steps, shorter than anybody would want idle sessions on a server. */
const keptForMs = 15_000;

/**
 * The clients of a run's last execution, kept open for its next one in this process: inside the write stop every new
 * connection would be an outage. They carry no right of their own: each execution binds its own lease and signal to
 * them, and a new owner of the run elsewhere ends their sessions.
 */
export function keptClients(open: OpenClients) {
  const idle = new Map<string, { readonly opened: OpenedClients; readonly timer: NodeJS.Timeout }>();
  const ending = new Set<Promise<void>>();

  function end(opened: OpenedClients): Promise<void> {
    const ended = opened.close().finally(() => ending.delete(ended));
    ending.add(ended);
    return ended;
  }

  return {
    take(run: string, subject: Subject, execution: Execution): OpenedClients {
      const kept = idle.get(run);
      if (!kept) return open(subject, execution);
      idle.delete(run);
      clearTimeout(kept.timer);
      kept.opened.bind(execution);
      return kept.opened;
    },
    keep(run: string, opened: OpenedClients): void {
      const before = idle.get(run);
      clearTimeout(before?.timer);
      if (before) void end(before.opened);
      const timer = setTimeout(() => {
        idle.delete(run);
        void end(opened);
      }, keptForMs);
      timer.unref();
      idle.set(run, { opened, timer });
    },
    async close(): Promise<void> {
      for (const { opened, timer } of idle.values()) {
        clearTimeout(timer);
        void end(opened);
      }
      idle.clear();
      await Promise.all(ending);
    },
  };
}
