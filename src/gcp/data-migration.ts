import type { datamigration_v1 } from 'googleapis/build/src/apis/datamigration/v1.js';
import { NeedsHuman } from '../errors.ts';
import type { GoogleAuth } from './auth.ts';
import { type Call, calling, reading } from './errors.ts';
import { nameOf, until } from './operations.ts';
import type { DataMigration, LongRunningOperation, MigrationJobObject } from './types.ts';
import { explainVerification, verificationErrors } from './verification.ts';

const once = { retry: false } as const;
const admin = 'roles/datamigration.admin';

/**
 * Database Migration Service v1 of one location (`projects/P/locations/L`). `endpoint` is for a stand-in; absent: the
 * real cloud. `guard` is awaited before every call that changes something. `force` is never sent.
 */
export function createDataMigration(options: {
  readonly auth: GoogleAuth;
  readonly endpoint?: string | undefined;
  readonly location: string;
  readonly guard: () => Promise<void>;
}): DataMigration {
  const { auth, location, guard } = options;
  let loaded: Promise<datamigration_v1.Resource$Projects$Locations> | undefined;
  const client = () => {
    loaded ??= import('googleapis/build/src/apis/datamigration/index.js').then(
      ({ datamigration }) =>
        datamigration({ version: 'v1', auth, ...(options.endpoint ? { rootUrl: `${options.endpoint.replace(/\/$/, '')}/` } : {}) }).projects
          .locations,
    );
    return loaded;
  };
  const profile = (id: string) => `${location}/connectionProfiles/${id}`;
  const job = (id: string) => `${location}/migrationJobs/${id}`;
  const on = (method: string, resource: string, secrets: readonly (string | null | undefined)[] = []): Call => ({
    method: `datamigration.${method}`,
    resource,
    role: admin,
    secrets: secrets.filter((secret) => typeof secret === 'string'),
  });
  type Locations = datamigration_v1.Resource$Projects$Locations;
  const change = async (call: Call, send: (api: Locations) => Promise<{ readonly data: LongRunningOperation }>): Promise<string> => {
    await guard();
    return nameOf(call.method, (await calling(call, async () => send(await client()))).data);
  };
  const operation = async (name: string) =>
    calling(on('operations.get', name), async () => (await (await client()).operations.get({ name })).data);

  return {
    async connectionProfile(id) {
      const name = profile(id);
      return reading(on('connectionProfiles.get', name), async () => (await (await client()).connectionProfiles.get({ name })).data);
    },
    async createConnectionProfile(id, body, requestId) {
      const call = on('connectionProfiles.create', profile(id), [body.postgresql?.password, body.postgresql?.ssl?.clientKey]);
      return change(call, (api) =>
        api.connectionProfiles.create({ parent: location, connectionProfileId: id, requestId, requestBody: body }, once),
      );
    },
    async deleteConnectionProfile(id) {
      const name = profile(id);
      return change(on('connectionProfiles.delete', name), (api) => api.connectionProfiles.delete({ name }, once));
    },
    async job(id) {
      const name = job(id);
      return reading(on('migrationJobs.get', name), async () => (await (await client()).migrationJobs.get({ name })).data);
    },
    async createJob(id, body, requestId) {
      return change(on('migrationJobs.create', job(id)), (api) =>
        api.migrationJobs.create({ parent: location, migrationJobId: id, requestId, requestBody: body }, once),
      );
    },
    async deleteJob(id) {
      return change(on('migrationJobs.delete', job(id)), (api) => api.migrationJobs.delete({ name: job(id) }, once));
    },
    async demoteDestination(id) {
      return change(on('migrationJobs.demoteDestination', job(id)), (api) =>
        api.migrationJobs.demoteDestination({ name: job(id), requestBody: {} }, once),
      );
    },
    async verify(id) {
      return change(on('migrationJobs.verify', job(id)), (api) => api.migrationJobs.verify({ name: job(id), requestBody: {} }, once));
    },
    async start(id) {
      return change(on('migrationJobs.start', job(id)), (api) => api.migrationJobs.start({ name: job(id), requestBody: {} }, once));
    },
    async stop(id) {
      return change(on('migrationJobs.stop', job(id)), (api) => api.migrationJobs.stop({ name: job(id), requestBody: {} }, once));
    },
    async restart(id) {
      return change(on('migrationJobs.restart', job(id)), (api) => api.migrationJobs.restart({ name: job(id), requestBody: {} }, once));
    },
    async promote(id) {
      return change(on('migrationJobs.promote', job(id)), (api) => api.migrationJobs.promote({ name: job(id), requestBody: {} }, once));
    },
    async objects(id) {
      const parent = job(id);
      const all: MigrationJobObject[] = [];
      let pageToken: string | null | undefined;
      do {
        const { data } = await calling(on('migrationJobs.objects.list', parent), async () =>
          (await client()).migrationJobs.objects.list({ parent, pageSize: 500, ...(pageToken ? { pageToken } : {}) }),
        );
        all.push(...(data.migrationJobObjects ?? []));
        pageToken = data.nextPageToken;
      } while (pageToken);
      return all;
    },
    operation,
    async runningOperations(jobId) {
      // The list's scope is the whole location; the filter of the real service is not documented for `target`.
      const { data } = await calling(on('operations.list', location), async () =>
        (await client()).operations.list({ name: location, pageSize: 500 }),
      );
      return (data.operations ?? []).filter((one) => !one.done && one.metadata?.['target'] === job(jobId));
    },
    async wait(name, wait) {
      const done = await until(`Operation ${name}`, wait, async () => {
        const found = await operation(name);
        return found.done ? found : undefined;
      });
      if (!done.error) return done;
      const found = verificationErrors(done);
      const verb = String(done.metadata?.['verb'] ?? 'operation');
      // What the job's own test finds is its result, not its failure.
      if (verb === 'verify' && found.length > 0) return done;
      const said = found.length > 0 ? found.map((error) => explainVerification(error).sentence).join(' ') : (done.error.message ?? '');
      throw new NeedsHuman('gcp.operation-failed', `${verb} of ${String(done.metadata?.['target'] ?? name)} failed: ${said}`, {
        remedy: found.map((error) => explainVerification(error).remedy).join(' ') || 'Put right what the message names, then press Retry.',
      });
    },
    verificationErrors,
  };
}
