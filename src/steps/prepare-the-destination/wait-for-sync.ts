import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, waiting } from '../../engine/step.ts';
import { migrationJobId } from '../../gcp/names.ts';
import type { MigrationJob } from '../../gcp/types.ts';
import { databaseSizes } from '../../postgres/database-sizes.ts';
import { type MigrationSlot, migrationSlots } from '../../postgres/migration-slots.ts';
import { driftNow, tripwire } from '../../validator/tripwire.ts';

type Needs = Pick<Clients, 'target' | 'dataMigration' | 'cloudSql' | 'postgres' | 'validator'>;
/** Google adds phases: READY_FOR_PROMOTE is a newer word for a job that follows. */
const following = new Set(['CDC', 'READY_FOR_PROMOTE']);
const MB = 1024 ** 2;

/** The status CDC in Database Migration Service: the initial copy is finished and changes flow, in every database. */
export const waitForSync: Step<Needs> = {
  id: 'wait-for-sync',
  title: 'Wait until the destination follows the source',
  impact: 'none',

  async check(clients, run) {
    const { dataMigration, postgres } = clients;
    const id = migrationJobId(run);
    const job = await dataMigration.job(id);
    if (!job) return blocked('gcp.not-found', `Migration job ${id} does not exist.`, 'Abort and start again.');
    if (job.state === 'FAILED')
      return blocked(
        'gcp.job-failed',
        `Migration job ${id} failed: ${job.error?.message ?? 'no reason given'}.`,
        'A failed copy never recovers: put right what the job names in Database Migration Service, then *Restart the copy*.',
        { restartCopy: true },
      );
    const [objects, slots] = await Promise.all([dataMigration.objects(id), migrationSlots(postgres)]);
    const lost = slots.find(({ walStatus }) => walStatus === 'lost');
    if (lost)
      return blocked(
        'postgres.slot-lost',
        `Replication slot ${lost.slot} of the source lost WAL that it still needed (max_slot_wal_keep_size).`,
        'The copy has to begin anew: raise max_slot_wal_keep_size, then *Restart the copy*.',
        { restartCopy: true },
      );
    const ageMs = ageOf(run, job);
    await keepLag(run, ageMs, Math.max(0, ...slots.map(({ lagBytes }) => lagBytes)));
    const copying = objects.filter(({ phase }) => !following.has(phase ?? ''));
    if (following.has(job.phase ?? '') && copying.length === 0) {
      const tripped = await tripwire(clients, run);
      if (tripped?.is === 'blocking') return blocked('schema.changed', tripped.reason, tripped.remedy, { restartCopy: true });
      const later = tripped ? `; before it is compared: ${tripped.plan.join('; ')}` : '';
      return done(
        `${job.phase} in ${objects.length} databases over ${slots.length} slots, lag ${slots.reduce((sum, slot) => sum + slot.lagBytes, 0)} bytes${later}`,
      );
    }
    const drift = await driftNow(clients, run);
    const words = [
      `${job.phase ?? job.state}`,
      await copied(clients, run, ageMs),
      await retained(clients, slots, ageMs),
      drift === undefined ? '' : `⚠ the schema of the source was changed: ${drift}`,
    ]
      .filter((word) => word !== '')
      .join(' · ');
    // A copy of hours is looked at every 10 s; a young one more often, so that a small database does not wait for the clock.
    return waiting(words, Math.min(10_000, Math.max(300, ageMs / 20)));
  },

  undo: { keep: 'waiting changes nothing' },
};

/** How long it has been copied: a job that was restarted is older than its copy. */
function ageOf(run: RunView, job: MigrationJob): number {
  const began = run.recall<number>('began', 'start-migration-job') ?? (job.createTime ? Date.parse(job.createTime) : Date.now());
  return Date.now() - began;
}

/** For the report's chart: rarer as the copy grows older, so that one of days leaves some hundred points. */
async function keepLag(run: RunView, ageMs: number, bytes: number): Promise<void> {
  const last = run.recall<{ readonly at: number }>('lag')?.at ?? 0;
  if (Date.now() - last >= Math.max(1_000, ageMs / 20)) await run.record('lag', { at: Date.now(), bytes });
}

async function copied({ postgres }: Needs, run: RunView, ageMs: number): Promise<string> {
  const [source, destination] = await Promise.all([databaseSizes(postgres, 'source'), databaseSizes(postgres, 'destination')]);
  const total = [...source.values()].reduce((sum, bytes) => sum + bytes, 0);
  const there = [...source.keys()].reduce((sum, name) => sum + (destination.get(name) ?? 0), 0);
  const fraction = total > 0 ? Math.min(1, there / total) : 0;
  const etaMs = fraction > 0.02 ? (ageMs / fraction) * (1 - fraction) : undefined;
  const text = `${Math.round(there / MB)} of ${Math.round(total / MB)} MB`;
  run.progress({ text, fraction, ...(etaMs === undefined ? {} : { etaMs }) });
  return text;
}

/** In how many hours the WAL that the slots keep would fill the source's disk, at the rate since the oldest slot began. */
async function retained({ cloudSql, postgres, target }: Needs, slots: readonly MigrationSlot[], ageMs: number): Promise<string> {
  const bytes = Math.max(0, ...slots.map(({ retainedBytes }) => retainedBytes));
  if (slots.length === 0) return '';
  const instance = await cloudSql.instance(target.source);
  const disk = Number(instance?.settings?.dataDiskSizeGb ?? 0) * 1024 * MB;
  const share = disk > 0 ? `, ${((bytes / disk) * 100).toFixed(1)} % of the disk` : '';
  const used = [...(await databaseSizes(postgres, 'source')).values()].reduce((sum, size) => sum + size, 0);
  const hours = hoursLeft({ bytes, free: disk - used - bytes, ageMs });
  return `${slots.length} slots keep ${Math.round(bytes / MB)} MB of WAL${share}${hours === undefined ? '' : `, at this rate it is full in ${hours}`}`;
}

/** Pure. Words for the time until `free` bytes are used up; undefined: nothing to tell yet, or more than a month. */
export function hoursLeft(kept: { readonly bytes: number; readonly free: number; readonly ageMs: number }): string | undefined {
  if (kept.bytes < MB || kept.ageMs < 60_000) return undefined;
  const hours = Math.max(0, kept.free) / (kept.bytes / (kept.ageMs / 3_600_000));
  if (hours > 31 * 24) return undefined;
  return hours < 1 ? 'less than an hour' : `about ${Math.floor(hours)} h`;
}
