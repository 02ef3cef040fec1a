import type { Redis } from 'ioredis';
import { commit } from '../engine/commit.ts';
import { fold } from '../engine/fold.ts';
import { endFact, next } from '../engine/next.ts';
import type { RunLog } from '../engine/ports.ts';
import type { RunbookShape, RunState } from '../engine/state.ts';
import { leaseIsFree } from './lease.ts';
import { executionId, type OwedJob, owedBy } from './owed.ts';
import { addJob, type Queues, removeWaiting } from './queues.ts';
import type { Keys } from './redis.ts';

export interface Advancing {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly log: RunLog;
  readonly queues: Queues;
  readonly shape: RunbookShape;
}

/** Makes the queues agree with what the run owes; any number of processes may do it at any time. Gives what is owed. */
export async function advance(advancing: Advancing, run: string): Promise<readonly OwedJob[]> {
  const { log, queues, shape } = advancing;
  let state = fold(await log.read(run), shape);
  if (concludes(state, shape) && (await leaseIsFree(advancing.redis, advancing.keys, run))) state = await conclude(advancing, run);
  const owed = owedBy(state, shape);
  for (const job of owed) await addJob(queues, job);
  if (next(state, shape).do === 'await-resume') await removeWaiting(queues, executionId(state));
  return owed;
}

function concludes(state: RunState, shape: RunbookShape): boolean {
  return state.status === 'pausing' || next(state, shape).do === 'end';
}

/** No execution is open any more: the run is paused, or it has ended. */
async function conclude({ log, shape }: Advancing, run: string): Promise<RunState> {
  const { state } = await commit({ log, shape, run }, (now) => {
    if (now.status === 'pausing')
      return [{ type: 'note', by: 'bot', text: `${run} is paused: nothing is being executed.`, marks: 'paused' }];
    const move = next(now, shape);
    return move.do === 'end' ? [endFact(now, move)] : undefined;
  });
  return state;
}
