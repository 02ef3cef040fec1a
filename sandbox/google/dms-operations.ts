import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { notFound, Refusal } from './fault.ts';
import { type Google, type Handlers, handler, type LongRunning, now, param } from './state.ts';

/** The cloud's minutes relative to one another, multiplied by `latencyMs`. */
const weight: Readonly<Record<string, number>> = { demoteDestination: 3, verify: 1, start: 3, promote: 4, create: 0.5, delete: 1 };
const type = (name: string) => `type.googleapis.com/google.cloud.clouddms.v1.${name}`;

/** An action's failure as `google.rpc.Status`. */
export class ActionFailed extends Error {
  readonly code: number;
  readonly details: readonly object[];
  constructor(message: string, options: { readonly code?: number; readonly details?: readonly object[]; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = options.code ?? 9;
    this.details = options.details ?? [];
  }
}

export interface Finding {
  readonly errorCode: string;
  readonly errorMessage: string;
}
/** How the service packs what its test found: as `details` of MigrationJobVerificationError. */
export function findingDetails(findings: readonly Finding[]): readonly object[] {
  return findings.map((finding) => ({ '@type': type('MigrationJobVerificationError'), ...finding }));
}

export interface LroRequest {
  /** `projects/P/locations/L` */
  readonly parent: string;
  readonly verb: string;
  readonly target: string;
  readonly responseType?: 'MigrationJob' | 'ConnectionProfile';
  /** The same id again is the same operation. */
  readonly requestId?: string | undefined;
  work(): Promise<object>;
  /** What the failure leaves behind, whether the work failed or never began. */
  failed?(error: ActionFailed): void;
}

/** The operation that was begun before under this request id. */
export function repeated(google: Google, verb: string, requestId: string | undefined): LongRunning | undefined {
  const name = requestId === undefined ? undefined : google.state.requests.get(`${verb} ${requestId}`);
  const known = name === undefined ? undefined : google.state.operations.get(name);
  return known && structuredClone(known);
}

/** One operation on a resource at a time; the next is refused with 409. */
export function refuseWhileWorking(google: Google, target: string): void {
  for (const one of google.state.operations.values())
    if (!one.done && one.metadata?.['target'] === target)
      throw new Refusal(409, 'ABORTED', `Operation ${one.name} (${String(one.metadata['verb'])}) is in progress on '${target}'.`);
}

export function beginLro(google: Google, request: LroRequest): LongRunning {
  const { parent, verb, target, requestId } = request;
  const name = `${parent}/operations/operation-${Date.now()}-${randomBytes(6).toString('hex')}-${randomBytes(4).toString('hex')}`;
  const operation: LongRunning & { name: string } = {
    name,
    done: false,
    metadata: { '@type': type('OperationMetadata'), createTime: now(), target, verb, requestedCancellation: false, apiVersion: 'v1' },
  };
  google.state.operations.set(name, operation);
  if (requestId !== undefined) google.state.requests.set(`${verb} ${requestId}`, name);
  google.emit({ type: 'operation', kind: verb, target, state: 'begun', message: '' });
  const run = async () => {
    try {
      const fault = google.faults.strike('fail-operation', verb);
      if (fault) throw new ActionFailed(fault.message, { code: 13 });
      await pause(google.latencyMs * (weight[verb] ?? 1), undefined, { signal: google.closing });
      const response = await request.work();
      const held = google.faults.strike('hold', verb);
      if (held) await pause(held.ms, undefined, { signal: google.closing });
      operation.response = request.responseType
        ? { '@type': type(request.responseType), ...response }
        : { '@type': 'type.googleapis.com/google.protobuf.Empty' };
    } catch (error) {
      const failed =
        error instanceof ActionFailed ? error : new ActionFailed(error instanceof Error ? error.message : String(error), { code: 13 });
      request.failed?.(failed);
      operation.error = {
        code: failed.code,
        message: failed.message,
        ...(failed.details.length > 0 ? { details: [...failed.details] as Record<string, unknown>[] } : {}),
      };
    }
    operation.metadata = { ...operation.metadata, endTime: now() };
    operation.done = true;
    const message = operation.error?.message ?? '';
    google.emit({ type: 'operation', kind: verb, target, state: operation.error ? 'failed' : 'done', message });
  };
  const answer = structuredClone(operation);
  google.background(run());
  return answer;
}

export function lroHandlers(google: Google): Handlers {
  const find = (params: Readonly<Record<string, string>>) => {
    const name = `projects/${param(params, 'project')}/locations/${param(params, 'location')}/operations/${param(params, 'operation')}`;
    const found = google.state.operations.get(name);
    if (!found) throw notFound(name);
    return found;
  };
  return {
    'datamigration.projects.locations.operations.get': handler(({ params }) => find(params)),
    'datamigration.projects.locations.operations.list': handler(({ params }) => {
      const prefix = `projects/${param(params, 'project')}/locations/${param(params, 'location')}/operations/`;
      return { operations: [...google.state.operations.values()].filter((one) => one.name.startsWith(prefix)).reverse() };
    }),
    'datamigration.projects.locations.operations.cancel': handler(({ params }) => {
      const operation = find(params);
      if (!operation.done) operation.metadata = { ...operation.metadata, requestedCancellation: true };
      return {};
    }),
  };
}
