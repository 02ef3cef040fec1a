import { NeedsHuman, Transient } from '../errors.ts';
import { createProofSlots, dropProofSlots, type ProofSlotsRequest } from '../postgres/proof-slots.ts';
import type { Postgres, Side } from '../postgres/types.ts';
import { allowReplication } from '../postgres/way-back.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { AllPrints, Proof } from './proof/types.ts';
import type { VerdictRecord } from './verdict-report.ts';

interface Needs {
  readonly target: { readonly databases: Readonly<Record<string, unknown>>; readonly secrets: Readonly<Record<string, string>> };
  readonly postgres: Postgres;
  readonly secrets: { latest(name: string): Promise<string | undefined> };
  readonly proof: Proof;
}
interface Ledger {
  readonly uid: string;
  readonly leg: string;
  readonly signal: AbortSignal;
  record(key: string, value: unknown): Promise<void>;
  recall<T>(key: string, step?: string): T | undefined;
}
/** The ledger's entry of `validate-live`: a proof that was begun, or why none is kept. */
export type ProofRecord = { readonly since: number; readonly prints: AllPrints } | { readonly since: number; readonly none: string };
/** What was found since, beside the run. */
export interface KeptRecord {
  readonly since: number;
  readonly differing: readonly string[];
  readonly problems: readonly string[];
  readonly lost?: string;
  readonly prints: AllPrints;
}
/** What the rows in the write stop come to, where the proof was kept. */
export interface SettledProof {
  /** By database: the tables of which only a whole comparison says whether they are equal. */
  readonly compare: Readonly<Record<string, readonly string[]>>;
  /** Rows read again in the write stop, and for how long. */
  readonly keys: number;
  /** Tables compared as a whole by the proof itself. */
  readonly tables: number;
  readonly durationMs: number;
}
/** The step of each leg that begins a proof. */
const begunBy: Readonly<Record<string, string>> = { upgrade: 'validate-live', rollback: 'validate-live-rollback' };
const settlesWithinMs = 10_000;
/** A row that was put right is read again within this time, on a busy machine too. */
export const readAgainWithinMs = 5_000;

/** What the slots of a run's proof are made, looked at and dropped with. */
export async function slotsRequest(
  { target, postgres, secrets }: Pick<Needs, 'target' | 'postgres' | 'secrets'>,
  { uid, leg }: Pick<Ledger, 'uid' | 'leg'>,
): Promise<ProofSlotsRequest> {
  const as = async (user: 'migration' | 'wayback') => ({ user, password: (await secrets.latest(target.secrets[user] ?? '')) ?? '' });
  const [source, destination] = await Promise.all([as('migration'), as('wayback')]);
  return {
    postgres,
    uid,
    databases: Object.keys(target.databases),
    to: leg === 'rollback' ? 'source' : 'destination',
    users: { source, destination },
  };
}

/**
 * Changes are told from here on: what a comparison that begins now finds equal is proved until they name it. Where that cannot be had
 * the ledger says why, and the rows are compared in the write stop.
 */
export async function beginProof(clients: Needs, run: Ledger): Promise<void> {
  const since = Date.now();
  const request = await slotsRequest(clients, run);
  await clients.proof.release();
  try {
    for (const side of ['source', 'destination'] as const) await allowReplication(clients.postgres, side, request.users[side].user);
    // Before the slots are made: whoever dies in between knows that there may be some.
    await run.record('proof', { since, none: 'it was interrupted at its begin' });
    await createProofSlots(request);
    await run.record('proof', { since, prints: await clients.proof.prints(request.databases) });
  } catch (error) {
    if (run.signal.aborted || !(error instanceof NeedsHuman || error instanceof Transient)) throw error;
    await run.record('proof', { since, none: error.message });
    await dropProofSlots(request).catch(() => undefined);
  }
}

/** There is no proof any more, and nothing keeps WAL for it. */
export async function endProof(clients: Needs, run: Ledger, why: string, sides?: readonly Side[]): Promise<void> {
  await clients.proof.release();
  await dropProofSlots(await slotsRequest(clients, run), sides);
  await run.record('proof', { since: Date.now(), none: why });
}

/** The proof as the ledger has it: `none` says why there is none. */
export function proofOf(
  run: Pick<Ledger, 'recall' | 'leg'>,
):
  | { readonly begun: Extract<ProofRecord, { readonly prints: AllPrints }>; readonly kept: KeptRecord | undefined }
  | { readonly none: string } {
  const begun = run.recall<ProofRecord | null>('proof', begunBy[run.leg]);
  if (!begun) return { none: 'none was begun' };
  if ('none' in begun) return begun;
  const found = run.recall<KeptRecord>('kept', begunBy[run.leg]);
  const kept = found?.since === begun.since ? found : undefined;
  return kept?.lost === undefined ? { begun, kept } : { none: kept.lost };
}

/** The feeds come to this process, if they are not here: in the write stop that would be an outage. */
export async function takeProof({ proof }: Pick<Needs, 'proof'>, run: Pick<Ledger, 'recall' | 'leg'>): Promise<void> {
  const known = proofOf(run);
  if ('none' in known) return;
  const { since, prints } = known.begun;
  await proof.take({ since, prints: known.kept?.prints ?? prints, leg: run.leg });
}

/**
 * With the writes off and everything drained: what is left to compare. A string says why everything has to be compared. Errors: the
 * signal's reason.
 */
export async function settleProof(clients: Needs, run: Ledger): Promise<SettledProof | string> {
  const known = proofOf(run);
  if ('none' in known) return known.none;
  const began = Date.now();
  const signal = withTimeLimit(settlesWithinMs, run.signal);
  try {
    // A commit flushes the WAL, so that the feeds come to its end.
    const flush = async (side: 'source' | 'destination') =>
      (await clients.postgres.database(side, 'postgres')).change(`select pg_logical_emit_message(true, 'pgupgrade', '')`);
    await Promise.all([takeProof(clients, run), flush('source'), flush('destination')]);
    const settled = await clients.proof.settle(signal);
    return {
      compare: Object.fromEntries(
        Object.entries(settled).map(([database, { unequal, whole }]) => [database, [...new Set([...unequal, ...whole])]]),
      ),
      keys: Object.values(settled).reduce((sum, { keys }) => sum + keys, 0),
      tables: Object.values(settled).reduce((sum, { tables }) => sum + tables, 0),
      durationMs: Date.now() - began,
    };
  } catch (error) {
    if (run.signal.aborted) throw error;
    await clients.proof.release();
    return error instanceof Error ? error.message : String(error);
  }
}

/** What of a verdict in the write stop is the proof's: figures of `live`, the comparison that began it, and what was read again. */
export function asProved(settled: SettledProof | string, live: VerdictRecord | undefined): Partial<VerdictRecord> {
  if (typeof settled === 'string') return { unproved: settled };
  const { keys, tables, durationMs, compare } = settled;
  const large = Object.values(compare).flat();
  return {
    ...(live ? { tables: live.tables, rows: live.rows, bytes: live.bytes } : {}),
    proved: { keys, durationMs, tables: tables + large.length, large },
  };
}
