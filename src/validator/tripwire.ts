import { carryForward } from '../postgres/carry-forward.ts';
import type { Membership } from '../postgres/membership.ts';
import type { Postgres } from '../postgres/types.ts';
import { driftWords, type KeptSchema, keepSchema, schemaDrift, type Unreconciled, unreconciled } from './schema-drift.ts';
import type { Validator } from './types.ts';

interface Watched {
  readonly target: {
    readonly databases: Readonly<Record<string, { readonly schemas: readonly string[] }>>;
    readonly secrets: Readonly<Record<string, string>>;
  };
  readonly postgres: Postgres;
  readonly validator: Validator;
}
/** What the tripwire needs of its run. */
interface Ledger {
  readonly signal: AbortSignal;
  record(key: string, value: unknown): Promise<void>;
  recall<T>(key: string, step?: string): T | undefined;
}
export type Tripped =
  /** Only what the bot can carry over: the plan's lines. */
  | { readonly is: 'carryable'; readonly plan: readonly string[]; readonly tables: Unreconciled['tables'] }
  /** People have to make it the same on both sides. */
  | { readonly is: 'blocking'; readonly reason: string; readonly remedy: string };

const acceptedBy = ['wait-for-sync', 'validate-live', 'prepare-switch'] as const;

/** The newest of what was held and what was seen to be the same on both sides since. */
function keptSchema(run: Pick<Ledger, 'recall'>): KeptSchema {
  const held = run.recall<KeptSchema | null>('fingerprint', 'hold-schema-changes');
  if (!held) return {};
  const accepted = acceptedBy.flatMap(
    (step) => run.recall<{ readonly since: string; readonly schema: KeptSchema }>('accepted', step) ?? [],
  );
  // A new hold (the copy was restarted) begins anew.
  const own = accepted.filter(({ since }) => since === stamp(held));
  return own.reduce<KeptSchema>((newest, { schema }) => (later(schema, newest) ? schema : newest), held);
}

function stamp(held: KeptSchema): string {
  return Object.values(held)
    .map(({ xid }) => xid)
    .join();
}
function later(left: KeptSchema, right: KeptSchema): boolean {
  return Object.entries(left).some(([database, { xid }]) => BigInt(xid) > BigInt(right[database]?.xid ?? 0));
}

/** DDL on the source in words, or `undefined`: the cheap look of every poll. */
export async function driftNow(clients: Pick<Watched, 'target' | 'postgres'>, run: Pick<Ledger, 'recall'>): Promise<string | undefined> {
  const drifts = await schemaDrift(clients, keptSchema(run));
  return drifts.length > 0 ? driftWords(drifts) : undefined;
}

/** Has DDL on the source made the two sides different? A change that is on both sides is accepted, and the schema as it is now kept. */
export async function tripwire(clients: Watched, run: Ledger): Promise<Tripped | undefined> {
  const drifts = await schemaDrift(clients, keptSchema(run));
  if (drifts.length === 0) return undefined;
  const now = await keepSchema(clients);
  const { tables, others } = await unreconciled(clients.validator, drifts, run.signal);
  if (tables.length === 0 && others.length === 0) {
    await run.record('accepted', { since: stamp(run.recall<KeptSchema>('fingerprint', 'hold-schema-changes') ?? {}), schema: now });
    return undefined;
  }
  const carry = tables.map(
    ({ database, table }) =>
      `carry ${table} of database ${database} over to the destination: make it there, add it to the migration job, copy its rows`,
  );
  if (others.length === 0) return { is: 'carryable', plan: carry, tables };
  return {
    is: 'blocking',
    reason: `The schema of the source was changed while it is copied (${driftWords(drifts)}), and it is not the same on the destination: ${[...tables.map(({ database, table }) => `database ${database}: table ${table} is missing there`), ...others].join('; ')}.`,
    remedy: `Run what is named on the destination as a member of cloudsqlexternalsync, or take the change back on the source, then press Retry${tables.length > 0 ? '; new tables are carried over by the bot then' : ''}; or *Restart the copy*: it takes everything anew.`,
  };
}

/** Carries over what `tripwire` found carryable; `password`: of user migration. */
export async function carryTables(clients: Watched, run: Ledger, tables: Unreconciled['tables'], password: string): Promise<void> {
  const carried: string[] = [];
  for (const database of new Set(tables.map((one) => one.database)))
    carried.push(
      ...(await carryForward({
        postgres: clients.postgres,
        database,
        password,
        memberships: run.recall<readonly Membership[]>('memberships') ?? [],
        record: (all) => run.record('memberships', all),
        signal: run.signal,
      })),
    );
  await run.record('carried', [...(run.recall<readonly string[]>('carried') ?? []), ...carried]);
}
