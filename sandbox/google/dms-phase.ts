import { destinationOf } from './dms-source.ts';
import { asAdmin } from './postgres.ts';
import type { Google, JobState } from './state.ts';

/** A worker that ended is started again by pglogical after five seconds: only what stays down longer is a failure. */
const downForMs = 10_000;

export interface DatabasePhase {
  readonly database: string;
  readonly phase: 'FULL_DUMP' | 'CDC';
  readonly down: string | undefined;
}

/** Reads the subscriptions' state on the destination; what cannot be read now is `undefined`. */
export async function databasePhases(google: Google, job: JobState): Promise<readonly DatabasePhase[] | undefined> {
  const instance = destinationOf(google, job);
  const cluster = instance && google.fleet.get(instance.name);
  if (!cluster?.running()) return undefined;
  const read = async (database: string): Promise<DatabasePhase> => {
    const wanted = job.subscriptions.get(database) ?? [];
    const rows = await asAdmin(
      cluster,
      database,
      async (client) => (await client.query('select subscription_name, status from pglogical.show_subscription_status()')).rows,
    );
    const status = new Map(rows.map((row) => [String(row.subscription_name), String(row.status)]));
    const down = wanted.find((name) => (status.get(name) ?? 'down') === 'down');
    const cdc = wanted.length > 0 && wanted.every((name) => status.get(name) === 'replicating');
    return { database, phase: cdc ? 'CDC' : 'FULL_DUMP', down: down && `subscription ${down} of database ${database} is down` };
  };
  return Promise.all(job.databases.map(read)).catch(() => undefined);
}

/** Brings state and phase of a started job up to date: both follow from the subscriptions. */
export async function observe(google: Google, job: JobState): Promise<void> {
  const { shown } = job;
  if (
    job.promoted ||
    job.failed !== undefined ||
    shown.phase === 'PROMOTE_IN_PROGRESS' ||
    job.subscriptions.size === 0 ||
    !['RUNNING', 'FAILED'].includes(shown.state ?? '')
  )
    return;
  const phases = await databasePhases(google, job);
  if (!phases || shown !== job.shown) return;
  const down = phases.find((one) => one.down !== undefined)?.down;
  if (down === undefined) delete job.downSince;
  else job.downSince ??= Date.now();
  const failed = job.downSince !== undefined && Date.now() - job.downSince >= downForMs;
  // Once in CDC a job does not go back to the dump by itself.
  const phase = shown.phase === 'CDC' || phases.every((one) => one.phase === 'CDC') ? 'CDC' : 'FULL_DUMP';
  const state = failed ? 'FAILED' : 'RUNNING';
  if (state === shown.state && phase === shown.phase) return;
  const { error: _error, ...rest } = shown;
  job.shown = {
    ...rest,
    state,
    phase,
    updateTime: new Date().toISOString(),
    ...(failed ? { error: { code: 13, message: down ?? '' } } : {}),
  };
  google.emit({ type: 'phase', job: job.name, state, phase });
}
