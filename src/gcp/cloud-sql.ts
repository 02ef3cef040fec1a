import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import { NeedsHuman } from '../errors.ts';
import type { GoogleAuth } from './auth.ts';
import { type Call, calling, reading } from './errors.ts';
import { nameOf, until } from './operations.ts';
import type { BackupRun, CloudSql, SqlOperation } from './types.ts';

/** POST, PATCH, PUT and DELETE are never repeated by the client: whether a lost answer was a change is read, not guessed. */
const once = { retry: false } as const;
const admin = 'roles/cloudsql.admin';

/**
 * Cloud SQL Admin v1 of one project. `endpoint` (`http://127.0.0.1:4391`) is for a stand-in; absent: the real cloud.
 * `guard` is awaited before every call that changes something.
 */
export function createCloudSql(options: {
  readonly auth: GoogleAuth;
  readonly endpoint?: string | undefined;
  readonly project: string;
  readonly guard: () => Promise<void>;
}): CloudSql {
  const { auth, project, guard } = options;
  let loaded: Promise<sqladmin_v1.Sqladmin> | undefined;
  const client = () => {
    loaded ??= import('googleapis/build/src/apis/sqladmin/index.js').then(({ sqladmin }) =>
      sqladmin({ version: 'v1', auth, ...(options.endpoint ? { rootUrl: `${options.endpoint.replace(/\/$/, '')}/` } : {}) }),
    );
    return loaded;
  };
  const on = (method: string, instance: string, secrets: readonly (string | null | undefined)[] = []): Call => ({
    method: `sqladmin.${method}`,
    resource: `instance ${instance} of project ${project}`,
    role: admin,
    secrets: secrets.filter((secret) => typeof secret === 'string'),
  });
  const change = async (call: Call, send: (api: sqladmin_v1.Sqladmin) => Promise<{ readonly data: SqlOperation }>): Promise<string> => {
    await guard();
    return nameOf(call.method, (await calling(call, async () => send(await client()))).data);
  };

  return {
    async instance(name) {
      return reading(on('instances.get', name), async () => (await (await client()).instances.get({ project, instance: name })).data);
    },
    async insertInstance(body) {
      const call = on('instances.insert', body.name ?? '', [body.rootPassword]);
      return change(call, (api) => api.instances.insert({ project, requestBody: body }, once));
    },
    async patchInstance(name, body) {
      return change(on('instances.patch', name), (api) => api.instances.patch({ project, instance: name, requestBody: body }, once));
    },
    async deleteInstance(name) {
      return change(on('instances.delete', name), (api) => api.instances.delete({ project, instance: name }, once));
    },
    async flags(databaseVersion) {
      const call: Call = { method: 'sqladmin.flags.list', resource: `version ${databaseVersion}`, role: 'roles/cloudsql.viewer' };
      return calling(call, async () => (await (await client()).flags.list({ databaseVersion })).data.items ?? []);
    },
    async users(instance) {
      const call = on('users.list', instance);
      return calling(call, async () => (await (await client()).users.list({ project, instance })).data.items ?? []);
    },
    async insertUser(instance, user) {
      const call = on('users.insert', instance, [user.password]);
      return change(call, (api) => api.users.insert({ project, instance, requestBody: user }, once));
    },
    async setPassword(instance, username, password) {
      // `databaseRoles`, which users.get returns, is refused here: only what changes is sent.
      const call = on('users.update', instance, [password]);
      return change(call, (api) =>
        api.users.update({ project, instance, name: username, requestBody: { name: username, password } }, once),
      );
    },
    async deleteUser(instance, username) {
      return change(on('users.delete', instance), (api) => api.users.delete({ project, instance, name: username }, once));
    },
    async certificates(instance) {
      const call = on('sslCerts.list', instance);
      const items = await calling(call, async () => (await (await client()).sslCerts.list({ project, instance })).data.items ?? []);
      return items.map((item) => ({
        commonName: item.commonName ?? '',
        sha1Fingerprint: item.sha1Fingerprint ?? '',
        expirationTime: item.expirationTime ?? '',
      }));
    },
    async insertCertificate(instance, commonName) {
      await guard();
      const call = on('sslCerts.insert', instance);
      const { data } = await calling(call, async () =>
        (await client()).sslCerts.insert({ project, instance, requestBody: { commonName } }, once),
      );
      const { certInfo, certPrivateKey } = data.clientCert ?? {};
      if (!certInfo?.cert || !certInfo.sha1Fingerprint || !certPrivateKey || !data.serverCaCert?.cert)
        throw new NeedsHuman(
          'gcp.incomplete-answer',
          `Google's answer to ${call.method} on ${call.resource} has no certificate or no key.`,
          {
            remedy: `Delete the client certificate ${commonName} and press Retry.`,
          },
        );
      return {
        commonName,
        sha1Fingerprint: certInfo.sha1Fingerprint,
        certificate: certInfo.cert,
        privateKey: certPrivateKey,
        serverCa: data.serverCaCert.cert,
      };
    },
    async deleteCertificate(instance, sha1Fingerprint) {
      return change(on('sslCerts.delete', instance), (api) => api.sslCerts.delete({ project, instance, sha1Fingerprint }, once));
    },
    async serverCa(instance) {
      const call = on('connect.get', instance);
      const { data } = await calling(call, async () => (await client()).connect.get({ project, instance }));
      if (!data.serverCaCert?.cert)
        throw new NeedsHuman('gcp.incomplete-answer', `${call.resource} shows no server CA.`, { remedy: 'Wait until it is RUNNABLE.' });
      return data.serverCaCert.cert;
    },
    async backups(instance) {
      const call = on('backupRuns.list', instance);
      return pages(async (pageToken) =>
        calling(call, async () => (await (await client()).backupRuns.list({ project, instance, ...pageToken })).data),
      );
    },
    async insertBackup(instance, description) {
      return change(on('backupRuns.insert', instance), (api) =>
        api.backupRuns.insert({ project, instance, requestBody: { description } }, once),
      );
    },
    async runningOperations(instance) {
      const call = on('operations.list', instance);
      const { data } = await calling(call, async () => (await client()).operations.list({ project, instance, maxResults: 50 }));
      return (data.items ?? []).filter((operation) => operation.status !== 'DONE');
    },
    async wait(operation, wait) {
      const call: Call = { method: 'sqladmin.operations.get', resource: `operation ${operation} of project ${project}`, role: admin };
      const done = await until(`Operation ${operation} of project ${project}`, wait, async () => {
        const { data } = await calling(call, async () => (await client()).operations.get({ project, operation }));
        return data.status === 'DONE' ? data : undefined;
      });
      // HTTP 200 and DONE are no success: the error stands in the body.
      const errors = done.error?.errors ?? [];
      if (done.error)
        throw new NeedsHuman(
          'gcp.operation-failed',
          `${done.operationType ?? 'An operation'} of instance ${done.targetId ?? '?'} failed: ${errors.map((error) => `${error.message ?? ''} (${error.code ?? '?'})`).join('; ')}`,
          { remedy: 'Put right what the message names, then press Retry.' },
        );
    },
  };
}

async function pages(
  read: (page: { readonly pageToken?: string }) => Promise<sqladmin_v1.Schema$BackupRunsListResponse>,
): Promise<readonly BackupRun[]> {
  const all: BackupRun[] = [];
  let pageToken: string | null | undefined;
  do {
    const page = await read(pageToken ? { pageToken } : {});
    all.push(...(page.items ?? []));
    pageToken = page.nextPageToken;
  } while (pageToken);
  return all;
}
