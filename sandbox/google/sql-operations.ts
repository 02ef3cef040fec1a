import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { notFound, Refusal } from './fault.ts';
import { serviceAccount } from './metadata.ts';
import { type Google, type Handlers, handler, now, param, type SqlOperation } from './state.ts';

/** The cloud's minutes relative to one another, multiplied by `latencyMs`; users and certificates take seconds there. */
const weight: Readonly<Record<string, number>> = { CREATE: 4, UPDATE: 1.5, RESTART: 1, DELETE: 1, BACKUP_VOLUME: 1 };

export interface SqlWork {
  readonly project: string;
  readonly instance: string;
  readonly type: string;
  /** Real work; an error becomes the operation's error. */
  work(): Promise<void>;
  /** What the failure leaves behind, whether the work failed or never began. */
  failed?(): void;
}

/** Cloud SQL does one operation on an instance at a time and refuses the next with 409. */
export function refuseWhileBusy(google: Google, project: string, instance: string): void {
  for (const one of google.state.sqlOperations.values())
    if (one.targetProject === project && one.targetId === instance && one.status !== 'DONE')
      throw new Refusal(
        409,
        'ABORTED',
        'Operation failed because another operation was already in progress. Try your request after the current operation is complete.',
        { reason: 'operationInProgress' },
      );
}

/** Begins an operation: PENDING, RUNNING, DONE. The answer is a copy, as over the wire. */
export function beginSqlOperation(google: Google, { project, instance, type, work, failed }: SqlWork): SqlOperation {
  refuseWhileBusy(google, project, instance);
  const name = randomUUID();
  const link = `${google.base()}/v1/projects/${project}`;
  const operation = {
    kind: 'sql#operation',
    name,
    status: 'PENDING',
    operationType: type,
    targetId: instance,
    targetProject: project,
    user: serviceAccount(project),
    insertTime: now(),
    selfLink: `${link}/operations/${name}`,
    targetLink: `${link}/instances/${instance}`,
  } as SqlOperation & { readonly name: string };
  google.state.sqlOperations.set(name, operation);
  google.emit({ type: 'operation', kind: type, target: instance, state: 'begun', message: '' });
  const run = async () => {
    operation.status = 'RUNNING';
    operation.startTime = now();
    try {
      const fault = google.faults.strike('fail-operation', type);
      if (fault) throw new Error(fault.message);
      await pause(google.latencyMs * (weight[type] ?? 0.1), undefined, { signal: google.closing });
      await work();
      const held = google.faults.strike('hold', type);
      if (held) await pause(held.ms, undefined, { signal: google.closing });
    } catch (error) {
      failed?.();
      const message = error instanceof Error ? error.message : String(error);
      operation.error = { kind: 'sql#operationErrors', errors: [{ kind: 'sql#operationError', code: 'INTERNAL_ERROR', message }] };
    }
    operation.status = 'DONE';
    operation.endTime = now();
    const message = operation.error?.errors?.[0]?.message ?? '';
    google.emit({ type: 'operation', kind: type, target: instance, state: message ? 'failed' : 'done', message });
  };
  const answer = structuredClone(operation);
  google.background(run());
  return answer;
}

export function sqlOperationHandlers(google: Google): Handlers {
  return {
    'sql.operations.get': handler(({ params }) => {
      const found = google.state.sqlOperations.get(param(params, 'operation'));
      if (!found || found.targetProject !== params['project']) throw notFound(`operation ${params['operation'] ?? ''}`);
      return found;
    }),
    'sql.operations.list': handler(({ params, query }) => {
      const own = [...google.state.sqlOperations.values()].filter(
        (one) => one.targetProject === params['project'] && (query['instance'] === undefined || one.targetId === query['instance']),
      );
      return { kind: 'sql#operationsList', items: own.reverse().slice(0, Number(query['maxResults'] ?? 500)) };
    }),
  };
}
