import { commit } from '../engine/commit.ts';
import type { FactBody, ProofKept } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import { type Begun, type BegunBy, proofToKeep } from '../engine/proof.ts';
import type { Jobs } from './jobs.ts';

/** What one round of keeping a proof has found. */
export interface Proved extends Omit<ProofKept, 'since'> {
  /** For the board. */
  readonly text: string;
}
export interface Proving {
  readonly begunBy: BegunBy;
  /**
   * One round. `writing`: false in the write stop, where the step that needs the proof takes it to its own process: no other begins to keep it.
   * Gives undefined where another process keeps it. Errors: what came in between; the next round begins anew.
   */
  keep(begun: Begun, writing: boolean): Promise<Proved | undefined>;
  /** Nothing of these runs (by uid) is to be kept in this process any more. */
  keepOnly(uids: ReadonlySet<string>): Promise<void>;
}

/**
 * Keeps the proofs of runs between their live comparison and the switch. Whose process does it is decided by the server: a slot has
 * one reader. So nothing here is under a lease, and nothing is lost with the process.
 */
export function startProving(jobs: Jobs, proving: Proving): { close(): Promise<void> } {
  const rounds = new Map<string, Promise<void>>();
  const told = new Map<string, number>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function round(run: string, begun: Begun, writing: boolean): Promise<void> {
    const say = async (text: string, problem?: string) => {
      if (Date.now() - (told.get(run) ?? 0) < jobs.timing.proofLookMs) return;
      told.set(run, Date.now());
      await jobs.log.setProof(run, { at: Date.now(), since: begun.since, text, ...(problem === undefined ? {} : { problem }) });
    };
    try {
      const proved = await proving.keep(begun, writing);
      if (!proved) return;
      await say(proved.text);
      // The log is read again only for news.
      if (newsOf(begun, begun, proved) === undefined) return;
      await commit({ log: jobs.log, shape: jobs.shape, run }, (state) => newsOf(proofToKeep(state, proving.begunBy), begun, proved));
    } catch (error) {
      if (closed) return;
      jobs.report({ kind: 'error', where: 'proof', error });
      await say('', error instanceof Error ? error.message : String(error)).catch(() => undefined);
    }
  }

  async function look(): Promise<void> {
    const kept = new Set<string>();
    for (const { run, active } of await jobs.log.runs()) {
      if (!active) continue;
      const state = fold(await jobs.log.read(run), jobs.shape);
      const begun = proofToKeep(state, proving.begunBy);
      if (!begun) continue;
      kept.add(begun.header.uid);
      if (rounds.has(run)) continue;
      const ended = round(run, begun, state.writesOffSince === undefined).finally(() => rounds.delete(run));
      rounds.set(run, ended);
    }
    await proving.keepOnly(kept);
  }

  let running = Promise.resolve();
  const turn = () => {
    running = look()
      .catch((error: unknown) => jobs.report({ kind: 'error', where: 'proofs', error }))
      .finally(() => {
        if (!closed) timer = setTimeout(turn, jobs.timing.proveMs);
      });
  };
  turn();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
      await proving.keepOnly(new Set());
      await Promise.all(rounds.values());
    },
  };
}

/** Only what is new goes to the log. */
function newsOf(now: Begun | undefined, begun: Begun, proved: Proved): readonly FactBody[] | undefined {
  if (now?.since !== begun.since) return undefined;
  const before = now.kept;
  const kept: ProofKept = {
    since: begun.since,
    differing: proved.differing,
    problems: proved.problems,
    prints: proved.prints,
    ...(proved.lost === undefined ? {} : { lost: proved.lost }),
  };
  const same =
    kept.lost === undefined &&
    JSON.stringify(kept.differing) === JSON.stringify(before?.differing ?? []) &&
    JSON.stringify(kept.problems) === JSON.stringify(before?.problems ?? []) &&
    JSON.stringify(kept.prints) === JSON.stringify(now.prints);
  return same ? undefined : [{ type: 'proof.kept', step: begun.step, kept }];
}
