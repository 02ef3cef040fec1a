import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { drain, slotsAt } from '../../postgres/drain.ts';

/** Every slot of the job confirms the LSN taken after the fence; never the monitoring metric, which is minutes old. */
export const drainReplication: Step<Pick<Clients, 'postgres'>> = {
  id: 'drain-replication',
  title: 'Let the destination catch up',
  impact: 'none',
  writeStop: 'within',

  async check({ postgres }, run) {
    const lsn = run.recall<{ readonly lsn: string } | null>('fence', 'fence-source')?.lsn;
    if (lsn === undefined)
      return blocked('drain.no-fence', 'The source is not fenced, so no LSN is the last one.', 'Start the cutover again.');
    const slots = await slotsAt(await postgres.database('source', 'postgres'), lsn);
    const behind = slots.filter(({ missing }) => missing > 0);
    if (slots.length === 0 || behind.length > 0) return todo([`wait until ${slots.length} slots of the job have confirmed LSN ${lsn}`]);
    const took = run.recall<{ readonly lsn: string; readonly durationMs: number } | null>('drained');
    return done(`${slots.length} slots have confirmed LSN ${lsn}${took?.lsn === lsn ? ` after ${took.durationMs} ms` : ''}`);
  },

  async apply({ postgres }, run) {
    const lsn = run.recall<{ readonly lsn: string }>('fence', 'fence-source')?.lsn ?? '0/0';
    const lag: { readonly at: number; readonly bytes: number }[] = [];
    const { durationMs } = await run.spend('drain', () =>
      drain(postgres, {
        lsn,
        deadlineAt: run.deadlineAt,
        signal: run.signal,
        progress: (missing) => {
          run.progress({ text: `${missing} bytes of WAL to go` });
          if (Date.now() - (lag.at(-1)?.at ?? 0) >= 250) lag.push({ at: Date.now(), bytes: missing });
        },
      }),
    );
    await run.record('drained', { lsn, durationMs, lag: [...lag, { at: Date.now(), bytes: 0 }] });
  },

  undo: { keep: 'waiting changes nothing' },
};
