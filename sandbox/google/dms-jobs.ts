import { startCopy } from './dms-copy.ts';
import { demote } from './dms-demote.ts';
import { type ActionFailed, beginLro, findingDetails, refuseWhileWorking, repeated } from './dms-operations.ts';
import { databasePhases, observe } from './dms-phase.ts';
import { promote, resetDestination, setReplicating } from './dms-promote.ts';
import { destinationOf } from './dms-source.ts';
import { verify } from './dms-verify.ts';
import { exists, invalid, notFound, precondition } from './fault.ts';
import { removeInstance } from './sql-instances.ts';
import { type Call, type Google, type Handlers, handler, type Job, type JobState, now, param } from './state.ts';

const prefix = 'datamigration.projects.locations.migrationJobs';

/** What an action does: allowed in which states, what it shows meanwhile and afterwards. */
interface Action {
  readonly from: readonly string[];
  readonly during?: Job;
  readonly after?: Job;
  allowed?(job: JobState): string | undefined;
  work(google: Google, job: JobState, call: Call): Promise<Job | undefined>;
}

const started = (job: JobState) => (job.subscriptions.size > 0 ? undefined : 'it has not been started');
const notDemoted = (job: JobState) => (job.demoted ? undefined : 'its destination has not been demoted (demoteDestination)');
const skipsValidation = (call: Call) => (call.body as { readonly skipValidation?: boolean }).skipValidation === true;

const actions: Readonly<Record<string, Action>> = {
  demoteDestination: {
    from: ['NOT_STARTED'],
    allowed: (job) => (job.demoted ? 'its destination has been demoted already' : undefined),
    work: async (google, job) => void (await demote(google, job)),
  },
  verify: {
    from: ['NOT_STARTED', 'RUNNING', 'FAILED', 'STOPPED', 'DRAFT'],
    async work(google, job) {
      const warnings = await verify(google, job);
      return warnings.length > 0
        ? { error: { code: 0, message: 'Verified with warnings.', details: [...findingDetails(warnings)] as Record<string, unknown>[] } }
        : undefined;
    },
  },
  start: {
    from: ['NOT_STARTED'],
    during: { state: 'STARTING' },
    after: { state: 'RUNNING', phase: 'FULL_DUMP' },
    allowed: notDemoted,
    async work(google, job, call) {
      if (!skipsValidation(call)) await verify(google, job);
      await startCopy(google, job);
      return undefined;
    },
  },
  stop: {
    from: ['RUNNING', 'FAILED'],
    during: { state: 'STOPPING' },
    after: { state: 'STOPPED' },
    allowed: started,
    work: async (google, job) => void (await setReplicating(google, job, false)),
  },
  resume: {
    from: ['STOPPED'],
    during: { state: 'RESUMING' },
    after: { state: 'RUNNING' },
    allowed: (job) => (job.shown.phase === 'CDC' ? started(job) : 'it was stopped before phase CDC; restart it'),
    work: async (google, job) => void (await setReplicating(google, job, true)),
  },
  restart: {
    from: ['STOPPED', 'FAILED'],
    during: { state: 'RESTARTING' },
    after: { state: 'RUNNING', phase: 'FULL_DUMP' },
    allowed: notDemoted,
    async work(google, job, call) {
      await resetDestination(google, job);
      if (!skipsValidation(call)) await verify(google, job);
      await startCopy(google, job);
      return undefined;
    },
  },
  promote: {
    from: ['RUNNING', 'FAILED', 'STOPPED'],
    during: { state: 'RUNNING', phase: 'PROMOTE_IN_PROGRESS' },
    after: { state: 'COMPLETED', phase: 'PROMOTE_IN_PROGRESS' },
    allowed: (job) => (job.shown.phase === 'FULL_DUMP' ? 'it is in phase FULL_DUMP; wait for CDC' : started(job)),
    work: async (google, job) => void (await promote(google, job)),
  },
};

export function jobHandlers(google: Google): Handlers {
  const { jobs } = google.state;
  const parentOf = (params: Readonly<Record<string, string>>) =>
    `projects/${param(params, 'project')}/locations/${param(params, 'location')}`;
  const find = (params: Readonly<Record<string, string>>) => {
    const name = `${parentOf(params)}/migrationJobs/${param(params, 'migrationJob')}`;
    const found = jobs.get(name);
    if (!found) throw notFound(name);
    return found;
  };

  return {
    ...Object.fromEntries(
      Object.entries(actions).map(([verb, action]) => [
        `${prefix}.${verb}`,
        handler(async (call) => act(google, find(call.params), verb, action, call)),
      ]),
    ),
    [`${prefix}.create`]: handler(({ params, query }, body: Job) => createJob(google, parentOf(params), query, body)),
    [`${prefix}.get`]: handler(async ({ params }) => {
      const job = find(params);
      await observe(google, job);
      return job.shown;
    }),
    [`${prefix}.list`]: handler(async ({ params }) => {
      const own = [...jobs.values()].filter((job) => job.name.startsWith(`${parentOf(params)}/`));
      await Promise.all(own.map((job) => observe(google, job)));
      return { migrationJobs: own.map((job) => job.shown) };
    }),
    [`${prefix}.objects.list`]: handler(async ({ params }) => {
      const job = find(params);
      await observe(google, job);
      const phases = job.promoted ? undefined : await databasePhases(google, job);
      const objects = job.databases.map((database, index) => {
        const seen = phases?.find((one) => one.database === database);
        const phase = job.promoted ? 'PROMOTED' : job.shown.phase === 'CDC' ? 'CDC' : (seen?.phase ?? 'FULL_DUMP');
        return {
          name: `${job.name}/objects/${index}-${Buffer.from(database).toString('hex')}`,
          sourceObject: { type: 'DATABASE', database },
          phase,
          state: job.promoted ? 'COMPLETED' : ['STOPPED', 'FAILED'].includes(job.shown.state ?? '') ? job.shown.state : 'RUNNING',
          updateTime: now(),
        };
      });
      return { migrationJobObjects: objects };
    }),
    [`${prefix}.delete`]: handler(({ params, query }) => deleteJob(google, find(params), query['force'] === 'true')),
  };
}

function createJob(google: Google, parent: string, query: Readonly<Record<string, string>>, body: Job) {
  const { jobs, profiles } = google.state;
  const id = query['migrationJobId'] ?? '';
  if (!/^[a-z][a-z0-9-]{0,59}$/.test(id)) throw invalid(`migrationJobId "${id}" must match [a-z][a-z0-9-]{0,59}.`);
  const before = repeated(google, 'create', query['requestId']);
  if (before) return before;
  const name = `${parent}/migrationJobs/${id}`;
  if (jobs.has(name)) throw exists(`Resource '${name}' already exists`);
  if (body.type !== 'CONTINUOUS' && body.type !== 'ONE_TIME') throw invalid('migrationJob.type must be CONTINUOUS or ONE_TIME.');
  for (const profile of [body.source, body.destination])
    if (!profile || !profiles.has(profile)) throw notFound(profile ?? 'connection profile');
  if (!body.vpcPeeringConnectivity && !body.staticIpConnectivity && !body.reverseSshConnectivity)
    throw invalid('A connectivity must be given.');
  const time = now();
  const made: JobState = {
    name,
    shown: { ...body, name, state: 'NOT_STARTED', phase: 'PHASE_UNSPECIFIED', createTime: time, updateTime: time },
    demoted: false,
    databases: [],
    subscriptions: new Map(),
    promoted: false,
  };
  const work = () => {
    jobs.set(name, made);
    return Promise.resolve(made.shown);
  };
  return beginLro(google, { parent, verb: 'create', target: name, responseType: 'MigrationJob', requestId: query['requestId'], work });
}

async function act(google: Google, job: JobState, verb: string, action: Action, call: Call) {
  refuseWhileWorking(google, job.name);
  await observe(google, job);
  refuseWhileWorking(google, job.name);
  const state = job.shown.state ?? '';
  const why = action.from.includes(state) ? action.allowed?.(job) : `it is ${state}`;
  if (why !== undefined) throw precondition(`Migration job '${job.name}' cannot ${verb}: ${why}.`);
  const show = (more: Job) => {
    job.shown = { ...job.shown, ...more, updateTime: now() };
    google.emit({ type: 'phase', job: job.name, state: job.shown.state ?? '', phase: job.shown.phase ?? '' });
  };
  const work = async () => {
    const more = await action.work(google, job, call);
    if (action.after) show({ ...action.after, ...(job.promoted ? { endTime: now() } : {}) });
    return { ...job.shown, ...more };
  };
  const failed = (error: ActionFailed) => {
    if (!action.during) return;
    job.failed = error.message;
    // A start that found something wrong before it did anything can be called again.
    const again = verb === 'start' && job.databases.length === 0;
    const details = error.details.length > 0 ? { details: [...error.details] as Record<string, unknown>[] } : {};
    show({ state: again ? 'NOT_STARTED' : 'FAILED', error: { code: error.code, message: error.message, ...details } });
  };
  if (action.during) {
    delete job.failed;
    delete job.downSince;
    const { error: _error, ...rest } = job.shown;
    job.shown = rest;
    show(action.during);
  }
  const parent = job.name.split('/').slice(0, 4).join('/');
  return beginLro(google, { parent, verb, target: job.name, responseType: 'MigrationJob', work, failed });
}

function deleteJob(google: Google, job: JobState, force: boolean) {
  refuseWhileWorking(google, job.name);
  const state = job.shown.state ?? '';
  if (!force && !['NOT_STARTED', 'STOPPED', 'FAILED', 'COMPLETED', 'DRAFT'].includes(state))
    throw precondition(`Migration job '${job.name}' cannot be deleted: it is ${state}; stop it first.`);
  const instance = destinationOf(google, job);
  const before = job.shown;
  job.shown = { ...before, state: 'DELETING' };
  const work = async () => {
    // With `force` the real service deletes the destination too. A bug that sends it shall show.
    if (force && instance) await removeInstance(google, instance);
    google.state.jobs.delete(job.name);
    google.state.profiles.delete(job.shown.destination ?? '');
    return {};
  };
  const failed = () => {
    job.shown = before;
  };
  return beginLro(google, { parent: job.name.split('/').slice(0, 4).join('/'), verb: 'delete', target: job.name, work, failed });
}
