import type { cloudresourcemanager_v3 } from 'googleapis/build/src/apis/cloudresourcemanager/v3.js';
import type { GoogleAuth } from './auth.ts';
import { type Call, calling } from './errors.ts';
import { readGoogleError } from './google-error.ts';

interface Need {
  /** As the clients name it. */
  readonly call: string;
  readonly permission: string;
  readonly role: string;
}

const sql = (call: string, permission: string): Need => ({
  call: `sqladmin.${call}`,
  permission: `cloudsql.${permission}`,
  role: 'roles/cloudsql.admin',
});
const dms = (call: string, permission: string): Need => ({
  call: `datamigration.${call}`,
  permission: `datamigration.${permission}`,
  role: 'roles/datamigration.admin',
});
const secret = (call: string, permission: string, role: string): Need => ({
  call: `secretmanager.${call}`,
  permission: `secretmanager.${permission}`,
  role: `roles/secretmanager.${role}`,
});

/** Every call that the runbook makes and the permission that it takes (Google’s lists of permissions by method). `flags.list` takes none. */
export const needs: readonly Need[] = [
  sql('instances.get', 'instances.get'),
  sql('instances.insert', 'instances.create'),
  sql('instances.patch', 'instances.update'),
  sql('instances.delete', 'instances.delete'),
  sql('connect.get', 'instances.get'),
  sql('operations.get', 'instances.get'),
  sql('operations.list', 'instances.get'),
  sql('users.list', 'users.list'),
  sql('users.insert', 'users.create'),
  sql('users.update', 'users.update'),
  sql('users.delete', 'users.delete'),
  sql('sslCerts.list', 'sslCerts.list'),
  sql('sslCerts.insert', 'sslCerts.create'),
  sql('sslCerts.delete', 'sslCerts.delete'),
  sql('backupRuns.list', 'backupRuns.list'),
  sql('backupRuns.insert', 'backupRuns.create'),
  dms('connectionProfiles.get', 'connectionprofiles.get'),
  dms('connectionProfiles.create', 'connectionprofiles.create'),
  dms('connectionProfiles.delete', 'connectionprofiles.delete'),
  dms('migrationJobs.get', 'migrationjobs.get'),
  dms('migrationJobs.create', 'migrationjobs.create'),
  dms('migrationJobs.delete', 'migrationjobs.delete'),
  dms('migrationJobs.demoteDestination', 'migrationjobs.demoteDestination'),
  dms('migrationJobs.verify', 'migrationjobs.verify'),
  dms('migrationJobs.start', 'migrationjobs.start'),
  dms('migrationJobs.stop', 'migrationjobs.stop'),
  dms('migrationJobs.restart', 'migrationjobs.restart'),
  dms('migrationJobs.promote', 'migrationjobs.promote'),
  dms('migrationJobs.objects.list', 'objects.list'),
  dms('operations.get', 'operations.get'),
  dms('operations.list', 'operations.list'),
  secret('secrets.get', 'secrets.get', 'viewer'),
  secret('secrets.create', 'secrets.create', 'admin'),
  secret('secrets.delete', 'secrets.delete', 'admin'),
  secret('versions.access', 'versions.access', 'secretAccessor'),
  secret('secrets.addVersion', 'versions.add', 'secretVersionAdder'),
];

export interface PermissionsAnswer {
  readonly missing: readonly Need[];
  /** Google refused to answer about these: it does not know them on a project. */
  readonly unknown: readonly string[];
}

/** Asks Google which of the runbook's permissions the caller has on the project. Changes nothing. */
export async function testPermissions(options: {
  readonly auth: GoogleAuth;
  readonly endpoint?: string | undefined;
  readonly project: string;
}): Promise<PermissionsAnswer> {
  const { auth, endpoint, project } = options;
  const { cloudresourcemanager } = await import('googleapis/build/src/apis/cloudresourcemanager/index.js');
  const rootUrl = endpoint ? { rootUrl: `${endpoint.replace(/\/$/, '')}/` } : {};
  const api: cloudresourcemanager_v3.Cloudresourcemanager = cloudresourcemanager({ version: 'v3', auth, ...rootUrl });
  const call: Call = { method: 'cloudresourcemanager.projects.testIamPermissions', resource: `project ${project}`, role: 'roles/browser' };
  const unknown: string[] = [];
  let asked = [...new Set(needs.map(({ permission }) => permission))];
  for (;;) {
    try {
      const { data } = await api.projects.testIamPermissions({ resource: `projects/${project}`, requestBody: { permissions: asked } });
      const granted = new Set(data.permissions ?? []);
      return { missing: needs.filter(({ permission }) => asked.includes(permission) && !granted.has(permission)), unknown };
    } catch (error) {
      // One permission that Google does not know spoils the whole question: it is named, left out and said.
      const { status, message } = readGoogleError(error);
      const named = status === 400 ? asked.find((permission) => message.includes(permission)) : undefined;
      if (named === undefined) return await calling(call, () => Promise.reject(error));
      unknown.push(named);
      asked = asked.filter((permission) => permission !== named);
    }
  }
}
