import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { drain, slotsAt } from '../../postgres/drain.ts';
import { lookAtWayBack } from '../../postgres/way-back.ts';
import { carryBack, wayBackGaps } from '../../postgres/way-back-gaps.ts';

/** The old instance confirms the LSN taken after the new one was closed: every write that was acknowledged there is on it. */
export const drainWayBack: Step<Pick<Clients, 'target' | 'postgres'>> = {
  id: 'drain-way-back',
  title: 'Let the old instance catch up',
  impact: 'none',
  writeStop: 'within',
  waitsFor: 'drain',

  async check({ target, postgres }, run) {
    const lsn = run.recall<{ readonly lsn: string } | null>('fence', 'fence-destination')?.lsn;
    if (lsn === undefined)
      return blocked('drain.no-fence', 'The new instance is not closed, so no LSN is the last one.', 'Start the rollback again.');
    const ways = await lookAtWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases) });
    // A way back that could not be armed never confirms anything; before the services' start there is nothing to confirm.
    if (run.recall('started', 'start-services') === undefined)
      return done('the services never started on the new instance: nothing has to come along, which the comparison proves');
    if (ways.every(({ subscription }) => subscription === 'none'))
      return done('no way back is armed: nothing flows, and the comparison goes on only if nothing was written on the new instance');
    const names = ways.map(({ name }) => name);
    const slots = await slotsAt(await postgres.database('destination', 'postgres'), lsn, names);
    if (slots.length < names.length || slots.some(({ missing }) => missing > 0))
      return todo([`wait until ${names.join(', ')} has confirmed LSN ${lsn}`]);
    const took = run.recall<{ readonly lsn: string; readonly durationMs: number } | null>('drained');
    return done(`${names.join(', ')} confirmed LSN ${lsn}${took?.lsn === lsn ? ` after ${took.durationMs} ms` : ''}`);
  },

  async apply({ target, postgres }, run) {
    const databases = Object.keys(target.databases);
    const lsn = run.recall<{ readonly lsn: string }>('fence', 'fence-destination')?.lsn ?? '0/0';
    // Made since the rollback was prepared; nobody makes any more now. Without it the wait would only run into the deadline.
    const problems = await carryBack(postgres, run.uid, databases);
    const { missing: lacking, others } = await wayBackGaps(postgres, run.uid, databases);
    const gaps = [...problems, ...lacking, ...others];
    if (gaps.length > 0)
      throw new NeedsHuman('rollback.not-possible', `The way back does not bring everything: ${gaps.slice(0, 10).join('; ')}.`, {
        remedy: 'Create it on the old instance with the same definition and refresh the publication, then start the rollback again.',
      });
    const ways = await lookAtWayBack({ postgres, uid: run.uid, databases });
    const { durationMs } = await run.spend('drain', () =>
      drain(postgres, {
        lsn,
        side: 'destination',
        slots: ways.map(({ name }) => name),
        deadlineAt: run.deadlineAt,
        signal: run.signal,
        progress: (missing) => run.progress({ text: `${missing} bytes of WAL to go` }),
      }),
    );
    await run.record('drained', { lsn, durationMs });
  },

  undo: { keep: 'waiting changes nothing' },
};
