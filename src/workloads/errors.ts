import { NeedsHuman, Transient } from '../errors.ts';

interface ApiFailure {
  readonly code: number;
  readonly body?: unknown;
}

function isApiFailure(error: unknown): error is ApiFailure & Error {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

/** The object was changed since the version that the request names. */
export function isConflict(error: unknown): boolean {
  return isApiFailure(error) && error.code === 409;
}

function reason(error: ApiFailure): string {
  const body: unknown = typeof error.body === 'string' ? safeParse(error.body) : error.body;
  if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') return body.message;
  return `HTTP ${error.code}`;
}

function safeParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Kubernetes' answer → who has to act. `what` names the deployment and the call. */
export function classifyKubernetesError(error: unknown, what: string): Error {
  if (error instanceof Transient || error instanceof NeedsHuman) return error;
  if (!isApiFailure(error))
    return new Transient('workloads.unreachable', `${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  if (error.code === 404)
    return new NeedsHuman('workloads.not-found', `${what}: ${reason(error)}.`, {
      remedy: 'Correct the workload’s name or namespace in the service file, then press Retry.',
      cause: error,
    });
  if (error.code === 401 || error.code === 403)
    return new NeedsHuman('workloads.permission-denied', `${what}: ${reason(error)}.`, {
      remedy:
        'Give the bot’s service account get and patch on deployments, and list on pods, horizontalpodautoscalers and cronjobs there, then press Retry.',
      cause: error,
    });
  if (error.code === 409 || error.code === 429 || error.code >= 500)
    return new Transient('workloads.busy', `${what}: ${reason(error)}.`, { cause: error });
  return new NeedsHuman('workloads.refused', `${what}: ${reason(error)}.`, {
    remedy: 'Look at the deployment, then press Retry.',
    cause: error,
  });
}
