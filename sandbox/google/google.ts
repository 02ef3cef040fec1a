import { setTimeout as pause } from 'node:timers/promises';
import type { Fleet } from '../types.ts';
import { jobHandlers } from './dms-jobs.ts';
import { lroHandlers } from './dms-operations.ts';
import { profileHandlers } from './dms-profiles.ts';
import { createFaults, type Fault, type Faults } from './fault.ts';
import { checkedFlags, flagHandlers } from './flags.ts';
import type { LogEntry } from './log.ts';
import { createMetadata } from './metadata.ts';
import { projectHandlers } from './projects.ts';
import { loadSchemas } from './schema.ts';
import { secretHandlers } from './secret-manager.ts';
import { createHttp } from './server.ts';
import { backupHandlers } from './sql-backups.ts';
import { certificateHandlers } from './sql-certificates.ts';
import { instanceHandlers, withDefaults } from './sql-instances.ts';
import { sqlOperationHandlers } from './sql-operations.ts';
import { userHandlers } from './sql-users.ts';
import { emptyState, type Google, type GoogleEvent, type InstanceState, now, type Settings, type State } from './state.ts';

export interface GoogleRequest {
  readonly fleet: Fleet;
  /** 0 (any free port) where nothing is said. */
  readonly port?: number;
  /** The first is the metadata server's own. */
  readonly projects: readonly [string, ...string[]];
  /** Added to every long operation, in shares of what the cloud needs for it. */
  readonly latencyMs?: number;
  readonly faults?: readonly Fault[];
  /** `postgres` gets ADMIN on `cloudsqlexternalsync` on 16 and newer; on where nothing is said. */
  readonly adminOnExternalSync?: boolean;
}

/** The stand-in of Cloud SQL Admin, Data Migration, Secret Manager and the metadata server, on one address. */
export interface GoogleStandIn {
  /** Answers the address: GCP_ENDPOINT, and without `http://` GCE_METADATA_HOST. */
  listen(): Promise<string>;
  /** Ends connections and waits until nothing works on a cluster any more. */
  close(): Promise<void>;
  readonly log: readonly LogEntry[];
  readonly state: State;
  readonly faults: Faults;
  /** Calls back at every request, operation and phase; answers the function that ends it. */
  on(listener: (event: GoogleEvent) => void): () => void;
  /** Makes a cluster of the fleet known as an instance, RUNNABLE: what existed before anybody asked. */
  adopt(instance: { readonly project: string; readonly name: string; readonly region: string; readonly settings: Settings }): void;
  /** A secret with one version. */
  putSecret(project: string, name: string, value: string): void;
}

export function createGoogle(request: GoogleRequest): GoogleStandIn {
  const { fleet, projects } = request;
  const state = emptyState();
  const log: LogEntry[] = [];
  const faults = createFaults(request.faults ?? []);
  const listeners = new Set<(event: GoogleEvent) => void>();
  const closing = new AbortController();
  const working = new Set<Promise<void>>();
  let base = '';
  const google: Google = {
    fleet,
    projects,
    state,
    faults,
    latencyMs: request.latencyMs ?? 0,
    adminOnExternalSync: request.adminOnExternalSync ?? true,
    closing: closing.signal,
    base: () => base,
    emit(event) {
      for (const listener of listeners) listener(event);
    },
    background(work) {
      const tracked = work.finally(() => working.delete(tracked));
      working.add(tracked);
    },
  };
  const server = createHttp({
    google,
    schemas: loadSchemas(),
    metadata: createMetadata(projects[0]),
    log,
    handlers: {
      ...instanceHandlers(google),
      ...userHandlers(google),
      ...certificateHandlers(google),
      ...backupHandlers(google),
      ...sqlOperationHandlers(google),
      ...flagHandlers,
      ...secretHandlers(google),
      ...projectHandlers(google),
      ...profileHandlers(google),
      ...jobHandlers(google),
      ...lroHandlers(google),
    },
  });

  return {
    log,
    state,
    faults,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(request.port ?? 0, '127.0.0.1', () => {
          const address = server.address();
          base = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
          resolve(base);
        });
      }),
    async close() {
      closing.abort();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      // A statement that a server never ends is ended by the server's own end.
      const longest = pause(15_000, undefined, { ref: false });
      await Promise.race([longest, Promise.allSettled(working)]);
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    adopt({ project, name, region, settings }) {
      const cluster = fleet.get(name);
      if (!cluster) throw new Error(`The fleet has no cluster ${name}.`);
      checkedFlags(cluster.version, settings.databaseFlags);
      const instance: InstanceState = {
        project,
        name,
        region,
        databaseVersion: `POSTGRES_${cluster.version}`,
        createTime: now(),
        settings: withDefaults(settings),
        state: 'RUNNABLE',
        instanceType: 'CLOUD_SQL_INSTANCE',
        users: new Map(),
        certificates: new Map(),
        backups: [],
      };
      state.instances.set(`${project}/${name}`, instance);
    },
    putSecret(project, name, value) {
      state.secrets.set(`${project}/${name}`, {
        labels: {},
        createTime: now(),
        versions: [{ data: Buffer.from(value), createTime: now() }],
      });
    },
  };
}
