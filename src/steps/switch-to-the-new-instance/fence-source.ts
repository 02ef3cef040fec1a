import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { heldLogins } from '../../gcp/held-logins.ts';
import { fence } from '../../postgres/fence.ts';
import type { FenceLedger } from '../../postgres/fence-ledger.ts';
import { proveFence } from '../../postgres/fence-proof.ts';
import { unfence } from '../../postgres/unfence.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'secrets'>;
/** What later steps know of the fence. `drain`, `sequences` and `validate` are keyed by its LSN. */
interface FenceRecord {
  readonly lsn: string;
  readonly at: number;
  readonly readers: readonly string[];
  readonly disconnected: readonly string[];
  readonly text: string;
}

/** Nobody but the migration can write on the source from here on, whatever the applications' drivers say. */
export const fenceSource: Step<Needs> = {
  id: 'fence-source',
  title: 'Close the source to writers',
  impact: 'writes-stop',
  writeStop: 'within',

  async check({ target, postgres }, run) {
    const record = run.recall<FenceRecord | null>('fence');
    const ledger = run.recall<FenceLedger | null>('ledger');
    // The proof that this very execution has just ended is not made a second time: the writes are off.
    if (record && ledger && proven.delete(run.signal)) return done(`${record.text}; LSN ${record.lsn}`);
    if (record && ledger) {
      const proof = await proveFence({
        postgres,
        databases: Object.keys(target.databases),
        keep,
        readers: record.readers,
        logins: [],
        disconnected: record.disconnected,
        signal: run.signal,
      });
      if (proof.gaps.length === 0) return done(`${record.text}; LSN ${record.lsn}`);
    }
    return todo([
      `grant connect on every database to ${keep.join(', ')} and the bot`,
      'revoke connect on every database from public, the owner and every grantee, as the owner',
      'alter every other login role nologin',
      'end every session that is not the migration’s, twice, and prove that nobody can write',
    ]);
  },

  async apply({ target, postgres, secrets }, run) {
    const fenced = await run.spend('fence', () =>
      fence({
        postgres,
        run: `${run.run}-${run.uid}`,
        databases: Object.keys(target.databases),
        keep,
        readers: target.databaseUsers.filter(({ roleType }) => roleType === 'read').map(({ username }) => username),
        logins: heldLogins(secrets, target.secrets, target.databaseUsers),
        ledger: run.recall<FenceLedger | null>('ledger') ?? undefined,
        save: (ledger) => run.record('ledger', ledger),
        signal: run.signal,
      }),
    );
    const fencedReaders = Object.entries(fenced.fencedReaders).map(([role, why]) => `${role} is fenced too: ${why}`);
    const record: FenceRecord = {
      lsn: fenced.proof.lsn,
      at: Date.now(),
      readers: fenced.readers,
      disconnected: fenced.disconnected,
      text: [fenced.proof.text, ...fencedReaders].join('; '),
    };
    await run.record('fence', record);
    proven.add(run.signal);
  },

  async undo({ postgres }, run) {
    // The services' start fences the readers too and goes on with this ledger.
    const ledger = run.recall<FenceLedger | null>('ledger')
      ? (run.recall<FenceLedger | null>('ledger', 'start-services') ?? run.recall<FenceLedger>('ledger'))
      : undefined;
    if (!ledger) return;
    await unfence(await postgres.database('source', 'postgres'), `${run.run}-${run.uid}`, ledger);
    await run.record('fence', null);
    await run.record('ledger', null);
  },
};

const keep = ['migration', 'wayback'];
/** Executions, by their signal, whose own proof is the newest there is. */
const proven = new WeakSet<AbortSignal>();
