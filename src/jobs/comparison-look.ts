import { whyNotComparable } from '../engine/comparable.ts';
import { fold } from '../engine/fold.ts';
import type { LookComparison, LookRequest } from '../engine/ports.ts';
import { Refused } from '../errors.ts';
import type { Jobs } from './jobs.ts';

/** What whoever knows the validator is asked for. */
export interface Comparing {
  readonly tables: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}
interface ComparisonLook {
  readonly jobs: Jobs;
  readonly request: Extract<LookRequest, { readonly kind: 'validate' }>;
  readonly signal: AbortSignal;
  /** Gives how many of its words the asker has not taken yet. */
  readonly tell: (progress: string) => Promise<number>;
  readonly compare: (request: Comparing) => Promise<LookComparison>;
}
const beatMs = 1_000;
/** Shorter than the lock of a job: whoever takes over the look of a dead worker finds it free. */
const busyMs = 4_000;
/** So many words that nobody takes: the asker is gone. */
const mostUnheard = 5;

/**
 * A comparison on demand: one at a time of a run, and only as long as it can say something: it ends when the run's cutover
 * begins, which must not be slowed down, and when nobody waits for it any more.
 */
export async function compareForLook({ jobs, request, signal, tell, compare }: ComparisonLook): Promise<LookComparison> {
  const ended = new AbortController();
  const busy = jobs.keys.comparison(request.run);
  const look = async () => {
    const why = whyNotComparable(fold(await jobs.log.read(request.run), jobs.shape));
    if (why !== undefined) ended.abort(new Refused('validate.not-now', why));
  };
  await look();
  ended.signal.throwIfAborted();
  if ((await jobs.redis.set(busy, '1', 'PX', busyMs, 'NX')) !== 'OK')
    throw new Refused('validate.busy', `${request.run} is being compared already; wait for that answer, then ask again.`);
  const failed = (error: unknown) => ended.abort(error);
  let text = 'it begins';
  const beat = setInterval(() => {
    jobs.redis.pexpire(busy, busyMs).catch(failed);
    tell(text).then((unheard) => {
      if (unheard > mostUnheard) ended.abort(new Refused('validate.unheard', 'Nobody waits for this comparison any more.'));
    }, failed);
  }, beatMs);
  let unwatch: (() => Promise<void>) | undefined;
  try {
    unwatch = await jobs.log.watch((run) => {
      if (run === request.run) look().catch(failed);
    });
    return await compare({
      tables: request.tables,
      signal: AbortSignal.any([signal, ended.signal]),
      progress: (now) => {
        text = now;
      },
    });
  } catch (error) {
    // The signal's reason is the sentence; what the comparison fails with when it is cancelled is not.
    ended.signal.throwIfAborted();
    throw error;
  } finally {
    clearInterval(beat);
    await unwatch?.();
    await jobs.redis.del(busy);
  }
}
