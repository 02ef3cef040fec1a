import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { heldLogins } from '../../gcp/held-logins.ts';
import { fence } from '../../postgres/fence.ts';
import type { FenceLedger } from '../../postgres/fence-ledger.ts';
import { proveFence } from '../../postgres/fence-proof.ts';
import { unfence } from '../../postgres/unfence.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'secrets'>;
interface FenceRecord {
  readonly lsn: string;
  readonly disconnected: readonly string[];
  readonly text: string;
}
/** The way back still reads. */
const keep = ['wayback'];
/** Executions, by their signal, whose own proof is the newest there is. */
const proven = new WeakSet<AbortSignal>();

/** Nobody writes on the new instance from here on: the same fence, and the same proof, as on the old one at the cutover. */
export const fenceDestination: Step<Needs> = {
  id: 'fence-destination',
  title: 'Close the new instance to writers',
  impact: 'writes-stop',
  writeStop: 'within',
  waitsFor: 'fence',

  async check({ target, postgres }, run) {
    const record = run.recall<FenceRecord | null>('fence');
    const ledger = run.recall<FenceLedger | null>('ledger');
    // The proof that this very execution has just ended is not made a second time: the writes are off.
    if (record && ledger && proven.delete(run.signal)) return done(`${record.text}; LSN ${record.lsn}`);
    if (record && ledger) {
      const proof = await proveFence({
        postgres,
        side: 'destination',
        databases: Object.keys(target.databases),
        keep,
        readers: [],
        logins: [],
        disconnected: record.disconnected,
        signal: run.signal,
      });
      if (proof.gaps.length === 0) return done(`${record.text}; LSN ${record.lsn}`);
    }
    return todo([
      `${target.destination}: grant connect on every database to ${keep.join(', ')} and the bot`,
      'revoke connect on every database from public, the owner and every grantee, as the owner',
      'alter every other login role nologin',
      'end every session that is not the way back’s, twice, and prove that nobody can write',
    ]);
  },

  async apply({ target, postgres, secrets }, run) {
    const { proof, disconnected } = await run.spend('fence', () =>
      fence({
        postgres,
        side: 'destination',
        run: `${run.run}-${run.uid}`,
        databases: Object.keys(target.databases),
        keep,
        readers: [],
        logins: heldLogins(secrets, target.secrets, target.databaseUsers),
        ledger: run.recall<FenceLedger | null>('ledger') ?? undefined,
        save: (ledger) => run.record('ledger', ledger),
        signal: run.signal,
      }),
    );
    await run.record('fence', { lsn: proof.lsn, disconnected, text: proof.text } satisfies FenceRecord);
    proven.add(run.signal);
  },

  async undo({ postgres }, run) {
    const ledger = run.recall<FenceLedger | null>('ledger');
    if (!ledger) return;
    await unfence(await postgres.database('destination', 'postgres'), `${run.run}-${run.uid}`, ledger);
    await run.record('fence', null);
    await run.record('ledger', null);
  },
};
