import { advance } from './advance.ts';
import type { Jobs } from './jobs.ts';
import { addJob, isQueued } from './queues.ts';

/** At start and every few seconds: every unfinished run has its owed jobs in the queues, whoever died before placing them. */
export function startReconciling(jobs: Jobs): { close(): Promise<void> } {
  let missing: ReadonlySet<string> = new Set();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const round = async () => {
    try {
      missing = await reconcile(jobs, missing);
    } catch (error) {
      jobs.report({ kind: 'error', where: 'reconcile', error });
    }
    if (!closed) timer = setTimeout(start, jobs.timing.reconcileMs);
  };
  let running = round();
  function start(): void {
    running = round();
  }
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** One round. Gives the ids of the jobs that were missing; one that is missing twice in a row is reported. */
export async function reconcile(jobs: Jobs, missingBefore: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  for (const { run, active } of await jobs.log.runs()) {
    if (!active) continue;
    for (const job of await advance(jobs, run)) {
      if (await isQueued(jobs.queues, job)) continue;
      missing.add(job.id);
      if (missingBefore.has(job.id)) jobs.report({ kind: 'missing', run, job: job.id });
      await addJob(jobs.queues, job);
    }
  }
  return missing;
}
