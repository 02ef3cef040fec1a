import { auth } from 'googleapis/build/src/apis/sqladmin/index.js';

/** Application Default Credentials: Workload Identity in a cluster, the metadata server on a VM, `gcloud auth` on a laptop. */
export type GoogleAuth = InstanceType<typeof auth.GoogleAuth>;

/** Credentials are looked up at the first call, not here. `projectId` spares the look-up of a default project. */
export function createAuth(projectId?: string): GoogleAuth {
  return new auth.GoogleAuth({
    scopes: ['https://www.googleapis.com/auth/cloud-platform'],
    ...(projectId === undefined ? {} : { projectId }),
  });
}
