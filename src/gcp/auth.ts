import { auth } from 'googleapis/build/src/apis/sqladmin/index.js';

/** Application Default Credentials: Workload Identity in a cluster, the metadata server on a VM, `gcloud auth` on a laptop. */
export type GoogleAuth = InstanceType<typeof auth.GoogleAuth>;

/**
 * Credentials are looked up at the first call, not here. `projectId` spares the look-up of a default project.
 * What every client asks through it is repeated by gaxios, twice after a broken connection and three times after
 * 408, 429 and 5xx, within a second or so, if it only reads: Secret Manager's REST fallback repeats no network error,
 * and a kept-alive connection may be closed by Google just as a request is sent. What changes something is never
 * repeated here: whoever asked reads first whether it was done.
 */
export function createAuth(projectId?: string): GoogleAuth {
  return new auth.GoogleAuth({
    scopes: ['https://www.googleapis.com/auth/cloud-platform'],
    clientOptions: { transporterOptions: { retryConfig: { httpMethodsToRetry: ['GET'] } } },
    ...(projectId === undefined ? {} : { projectId }),
  });
}
