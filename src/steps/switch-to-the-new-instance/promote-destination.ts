import { setTimeout as pause } from 'node:timers/promises';
import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman, Transient } from '../../errors.ts';
import { restoreBackups } from '../../gcp/backup-settings.ts';
import { migrationJobId } from '../../gcp/names.ts';
import type { InstanceSettings } from '../../gcp/types.ts';
import { currentUser, type Membership } from '../../postgres/membership.ts';
import { type MigrationSlot, migrationSlots } from '../../postgres/migration-slots.ts';
import { dropProofSlots } from '../../postgres/proof-slots.ts';
import { lookAtSequences, raiseSequences } from '../../postgres/sequences.ts';
import { dropSlotAs } from '../../postgres/way-back.ts';
import { mayWrite } from '../../postgres/writable.ts';
import { slotsRequest } from '../../validator/run-proof.ts';
import { stopped } from '../../workloads/order.ts';
import { stillStopped } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'dataMigration' | 'secrets' | 'workloads' | 'proof'>;
const promotesWithinMs = 30 * 60_000;

/** The point of no return: the fact first, then the call. Nothing is given back automatically after it. */
export const promoteDestination: Step<Needs> = {
  id: 'promote-destination',
  title: 'Promote the new instance',
  impact: 'point-of-no-return',
  writeStop: 'promotion',
  waitsFor: 'google',

  async check(clients, run) {
    const { target, dataMigration, cloudSql, postgres } = clients;
    const job = await dataMigration.job(migrationJobId(run));
    if (job?.state !== 'COMPLETED')
      return todo([
        `promote migration job ${migrationJobId(run)}: ${target.destination} becomes a stand-alone instance; this cannot be undone`,
      ]);
    const [instance, slots] = await Promise.all([cloudSql.instance(target.destination), migrationSlots(postgres)]);
    if (instance?.instanceType !== 'CLOUD_SQL_INSTANCE' || instance.masterInstanceName)
      return waiting(`${target.destination} is not stand-alone yet`, 100);
    const reading = slots.find(({ active }) => active);
    if (reading) return waiting(`slot ${reading.slot} of the source is still read from`, 50);
    const [rest, readOnly] = await Promise.all([
      left(clients, slots),
      postgres.database('destination', 'postgres').then((sql) => mayWrite(sql)),
    ]);
    if (rest.length > 0) return todo(rest);
    if (readOnly !== undefined) return waiting(`${target.destination}: ${readOnly}`, 50);
    return done(
      `migration job COMPLETED; ${target.destination} is stand-alone and writable; sequences are beyond the source’s; no slot of the job is left`,
    );
  },

  async apply(clients, run) {
    // Once it was called there is no deadline any more, and nothing of this may stop what is under way.
    const calledBefore = run.deadlineAt === undefined;
    if (!calledBefore) {
      const { target, workloads } = clients;
      await run.spend('pods', () => stillStopped(workloads, [...stopped(target, 'first'), ...stopped(target, 'rest')], run.signal));
    }
    if (!(await run.claimPromotion()))
      throw new NeedsHuman(
        'promotion.excluded',
        'The promotion was not called: the writes are being given back, or the run was paused or aborted.',
        {
          remedy: 'Start the cutover again when the writes are back.',
        },
      );
    const forgotten = forgetProof(clients, run);
    forgotten.catch(() => undefined);
    await run.spend('google', () => promote(clients, run, calledBefore));
    const databases = Object.keys(clients.target.databases);
    // The promotion writes the sequences itself, to the source's values without headroom.
    const look = await run.spend('sequences', () =>
      raiseSequences(clients.postgres, databases, async (side, roles) => {
        const member = await currentUser(await clients.postgres.database(side, 'postgres'));
        await run.record('memberships', [
          ...(run.recall<readonly Membership[]>('memberships') ?? []),
          ...roles.map((role) => ({ side, role, member })),
        ]);
      }),
    );
    await Promise.all([run.record('raised', look.raises.length), forgotten]);
    await dropIdleSlots(clients);
    if (clients.target.cutover.pitr === 'inside-write-stop') await backUpAgain(clients, run);
  },

  undo: { irreversible: 'the new instance is promoted: the old one no longer receives its data except by the way back' },
};

/** Its slots would keep the new instance's WAL. Beside the promotion it costs nothing; what fails here is left to `remove-migration`. */
async function forgetProof(clients: Needs, run: RunView): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt++)
    try {
      await clients.proof.release();
      await dropProofSlots(await slotsRequest(clients, run));
      return;
    } catch (error) {
      run.signal.throwIfAborted();
      // The promotion may end sessions on the instance that it promotes.
      if (!(error instanceof Transient)) return;
      await pause(200, undefined, { signal: run.signal });
    }
}

/** Adopts a promotion that is under way or done; else calls it: at once where the bot has not, whoever else did is in Google's refusal. */
async function promote({ dataMigration, postgres }: Needs, run: RunView, calledBefore: boolean): Promise<void> {
  const id = migrationJobId(run);
  const wait = { signal: run.signal, timeoutMs: promotesWithinMs, everyMs: 500 };
  const underWay = async () => {
    const recorded = run.recall<string>('operation');
    // One of an earlier try that has ended says nothing about this one.
    if (recorded !== undefined && !(await dataMigration.operation(recorded)).done) return recorded;
    return (await dataMigration.runningOperations(id)).find(({ metadata }) => metadata?.['verb'] === 'promote')?.name ?? undefined;
  };
  const [job, adopted] = calledBefore ? await Promise.all([dataMigration.job(id), underWay()]) : [];
  if (job?.state === 'COMPLETED') return;
  let operation = adopted;
  if (operation === undefined && job?.phase !== 'PROMOTE_IN_PROGRESS') {
    try {
      operation = await dataMigration.promote(id);
      await run.record('operation', operation);
    } catch (error) {
      operation = await afterRefusal(error, await underWay());
    }
  }
  run.progress({ text: 'the promotion is under way' });
  if (operation !== undefined) await dataMigration.wait(operation, wait);
  else if ((await dataMigration.job(id))?.state !== 'COMPLETED')
    throw new Transient('promotion.in-progress', `The promotion of migration job ${id} is in progress.`, { retryAfterMs: 500 });

  /** Only a definite refusal of a job that still replicates, read again, opens the way back to the source. */
  async function afterRefusal(error: unknown, found: string | undefined): Promise<string | undefined> {
    const now = await dataMigration.job(id);
    if (found !== undefined) return found;
    if (now?.state === 'COMPLETED' || now?.phase === 'PROMOTE_IN_PROGRESS') return undefined;
    const replicating =
      now?.state === 'RUNNING' && ['CDC', 'READY_FOR_PROMOTE'].includes(now.phase ?? '') && (await migrationSlots(postgres)).length > 0;
    if (error instanceof NeedsHuman && replicating) await run.promotionRefused(error.message);
    throw error;
  }
}

/** Nobody is connected yet, so a restart is felt by nobody. It must not hold the write stop: what fails here is left to `configure-backups`. */
async function backUpAgain({ target, cloudSql }: Needs, run: RunView): Promise<void> {
  const wanted = run.recall<InstanceSettings>('source-settings', 'create-destination') ?? {};
  try {
    await restoreBackups(cloudSql, target.destination, wanted, run.signal);
  } catch (error) {
    run.signal.throwIfAborted();
    await run.record('backups-later', error instanceof Error ? error.message : String(error));
  }
}

async function left({ target, postgres }: Needs, slots: readonly MigrationSlot[]): Promise<readonly string[]> {
  const { raises, unreadable } = await lookAtSequences(postgres, Object.keys(target.databases));
  return [
    ...slots.map(({ slot }) => `drop slot ${slot}, left behind on the source`),
    ...raises.map(({ database, sequence, from, to }) => `${database}: ${sequence} ${from} → ${to}`),
    ...unreadable.map(({ owner }) => `join ${owner} to read its sequences`),
  ];
}

async function dropIdleSlots({ target, postgres, secrets }: Needs): Promise<void> {
  const idle = (await migrationSlots(postgres)).filter(({ active }) => !active);
  if (idle.length === 0) return;
  const password = (await secrets.latest(target.secrets['wayback'] ?? '')) ?? '';
  for (const { slot, database } of idle) await dropSlotAs({ postgres, user: 'wayback', password }, 'source', database, slot);
}
