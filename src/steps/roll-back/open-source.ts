import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { type FenceLedger, markFinal } from '../../postgres/fence-ledger.ts';
import { leaveRoles, type Membership } from '../../postgres/membership.ts';
import { unfence, unfenced } from '../../postgres/unfence.ts';
import { dropSubscription, lookAtWayBack } from '../../postgres/way-back.ts';
import { stillStopped } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'workloads'>;
/** Steps of the upgrade that let the bot's user act for an owner on the source and end only here. */
const membershipSteps = ['synchronize-sequences', 'promote-destination', 'arm-way-back'];

/**
 * The rollback's point of no return: the fact first, then the call. The subscription goes before the first writer comes, or
 * what is written here and what came from there could meet.
 */
export const openSource: Step<Needs> = {
  id: 'open-source',
  title: 'Open the old instance',
  impact: 'point-of-no-return',
  writeStop: 'promotion',
  waitsFor: 'fence',

  async check(clients, run) {
    const { target, postgres } = clients;
    const rest = (await subscriptions(clients, run)).map(({ name, database }) => `database ${database}: drop subscription ${name}`);
    const ledger = ledgerOf(run);
    const closed = ledger ? await unfenced(await postgres.database('source', 'postgres'), ledger) : [];
    if (rest.length > 0 || closed.length > 0 || run.recall('opened') !== true)
      return todo([
        ...rest,
        `open ${target.source} to everybody as it was before the cutover${closed.length > 0 ? `: ${closed.join('; ')}` : ''}`,
      ]);
    return done(`${target.source} is open to its users as before the cutover; no subscription is left`);
  },

  async apply(clients, run) {
    if (run.deadlineAt !== undefined) {
      const names = Object.keys(run.recall<Record<string, number>>('replicas', 'stop-services-for-rollback') ?? {});
      await run.spend('pods', () => stillStopped(clients.workloads, names, run.signal));
    }
    if (!(await run.claimPromotion()))
      throw new NeedsHuman(
        'rollback.excluded',
        'The old instance was not opened: the writes are being given back, or the run was paused or aborted.',
        {
          remedy: 'Start the rollback again when the writes are back.',
        },
      );
    const { postgres } = clients;
    const home = await postgres.database('source', 'postgres');
    await run.spend('fence', async () => {
      await markFinal(await postgres.database('destination', 'postgres'), `${run.run}-${run.uid}`);
      for (const { database, name } of await subscriptions(clients, run))
        await dropSubscription(await postgres.database('source', database), name);
      const ledger = ledgerOf(run);
      if (ledger) await unfence(home, `${run.run}-${run.uid}`, ledger);
    });
    const reading = run.recall<readonly Membership[] | null>('reading', 'validate-live-rollback') ?? [];
    await leaveRoles(home, [
      ...membershipSteps.flatMap((step) => run.recall<readonly Membership[]>('memberships', step) ?? []),
      ...reading,
    ]);
    await run.record('opened', true);
  },

  undo: { irreversible: 'the services may write on the old instance from here on' },
};

/** The services' start closed the source to the readers too and went on with the first ledger. */
function ledgerOf(run: RunView): FenceLedger | undefined {
  return (
    run.recall<FenceLedger | null>('ledger', 'start-services') ?? run.recall<FenceLedger | null>('ledger', 'fence-source') ?? undefined
  );
}

async function subscriptions({ target, postgres }: Needs, run: RunView) {
  const looks = await lookAtWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases) });
  return looks.filter(({ subscription }) => subscription !== 'none');
}
