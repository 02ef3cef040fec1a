import { readFileSync } from 'node:fs';
import type { Clients } from './clients.ts';
import type { Runtime } from './config/runtime.ts';
import type { Service, Target } from './config/schema.ts';
import { targetOf } from './config/target.ts';
import { NeedsHuman, Refused } from './errors.ts';
import { createAuth } from './gcp/auth.ts';
import { createCloudSql } from './gcp/cloud-sql.ts';
import { createDataMigration } from './gcp/data-migration.ts';
import { createSecrets } from './gcp/secrets.ts';
import type { CloudSql, Secrets } from './gcp/types.ts';
import { createPostgres, type PostgresConnections } from './postgres/connect.ts';
import type { Address, Side } from './postgres/types.ts';
import { createValidator } from './validator/compare.ts';
import type { Factories } from './validator/pairs.ts';
import type { FeedConnections } from './validator/proof/feeds.ts';
import { noProof } from './validator/proof/types.ts';
import { replicationConnections, validatorConnections } from './validator-connections.ts';
import { createWorkloads } from './workloads/workloads.ts';

const passwordGoodForMs = 2_000;

/** Of which service, environment and versions; a run's header has it all. */
export interface Subject {
  readonly service: string;
  readonly environment: string;
  readonly from?: number;
  readonly to?: number;
}
export interface Execution {
  /** Awaited before every change; throws where this process may not act any more. */
  readonly guard: () => Promise<void>;
  readonly signal: AbortSignal;
  /** `pgupgrade/<run>/<step>/<token>` */
  readonly applicationName: string;
  /** A look: every session is read-only and every change refused. */
  readonly readOnly: boolean;
}
export interface OpenedClients {
  /** Without a proof (`noProof`): a worker puts its own there. */
  readonly clients: Clients;
  /** What a proof reads rows and change feeds with; as long as this is open. */
  readonly proofConnections: { readonly factories: Factories; readonly feeds: FeedConnections };
  readonly postgres: PostgresConnections;
  /** Hands everything to another execution of the same run. */
  bind(execution: Execution): void;
  close(): Promise<void>;
}

/** Makes the clients of one execution from the service files and the runtime settings. */
export function clientsOpener(runtime: Runtime, services: ReadonlyMap<string, Service>) {
  // One for the process: its token is good for an hour.
  let auth: ReturnType<typeof createAuth> | undefined;
  return function openClients(subject: Subject, execution: Execution): OpenedClients {
    const service = services.get(subject.service);
    if (!service) throw new Refused('service.unknown', `There is no service file for "${subject.service}".`);
    const target = targetOf(service, subject.environment, subject.to, subject.from);
    auth ??= createAuth();
    let now = execution;
    const guard = () => now.guard();
    const outside = { auth, endpoint: runtime.GCP_ENDPOINT, project: target.project, location: target.location, guard };
    const cloudSql = createCloudSql(outside);
    const secrets = createSecrets(outside);
    const addresses = addressBook(target, cloudSql, runtime.PGPORT);
    const password = postgresPassword(target, secrets);
    const postgres = createPostgres({
      addresses,
      password,
      applicationName: execution.applicationName,
      guard,
      readOnly: execution.readOnly,
      patchedRole: runtime.CLOUDSQL_PATCHED_ROLE,
      signal: execution.signal,
    });
    const own = {
      source: validatorConnections('source', addresses, password),
      destination: validatorConnections('destination', addresses, password),
    };
    const clients: Clients = {
      target,
      postgres,
      cloudSql,
      secrets,
      dataMigration: createDataMigration(outside),
      workloads: createWorkloads(target.workloads, guard),
      validator: createValidator(own),
      proof: noProof,
    };
    return {
      clients,
      proofConnections: {
        factories: own,
        feeds: {
          source: replicationConnections('source', addresses, feedUser(target, secrets, 'migration')),
          destination: replicationConnections('destination', addresses, feedUser(target, secrets, 'wayback')),
        },
      },
      postgres,
      bind(next) {
        now = next;
        postgres.bind(next);
      },
      close: async () => {
        await Promise.all([postgres.close(), own.source.close(), own.destination.close()]);
      },
    };
  };
}
export type OpenClients = ReturnType<typeof clientsOpener>;

/** Where an instance is now: its private address (else its public one), the port of all, the CA of its own. */
function addressBook(target: Target, cloudSql: CloudSql, port: number): (side: Side) => Promise<Address> {
  const known = new Map<Side, Promise<Address>>();
  const look = async (side: Side): Promise<Address> => {
    const name = target[side];
    const instance = await cloudSql.instance(name);
    if (!instance)
      throw new NeedsHuman('gcp.no-instance', `The ${side} instance ${name} does not exist in project ${target.project}.`, {
        remedy: 'Look at the project and the service file, then press Retry.',
      });
    // It listens before the password of user postgres is set: who comes too early is refused as if the password were wrong.
    const addresses = instance.state === 'PENDING_CREATE' ? [] : (instance.ipAddresses ?? []);
    const host = (addresses.find(({ type }) => type === 'PRIVATE') ?? addresses.find(({ type }) => type === 'PRIMARY'))?.ipAddress;
    if (!host)
      throw new NeedsHuman('gcp.no-address', `The ${side} instance ${name} has no address yet.`, {
        remedy: 'Wait until it is RUNNABLE, then press Retry.',
      });
    return { host, port, caCertificate: await cloudSql.serverCa(name) };
  };
  return (side) => {
    const found = known.get(side) ?? look(side);
    known.set(side, found);
    // An address that was not to be had is asked for again.
    found.catch(() => known.delete(side));
    return found;
  };
}

function postgresPassword(target: Target, secrets: Secrets): () => Promise<string> {
  const name = target.secrets['postgres'] ?? '';
  let asked: { readonly at: number; readonly value: Promise<string | undefined> } | undefined;
  return async () => {
    // A dozen sessions are opened at once; a rotated password is picked up soon after.
    if (!asked || Date.now() - asked.at > passwordGoodForMs) asked = { at: Date.now(), value: secrets.latest(name) };
    const value = await asked.value.catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    if (value !== undefined) return value;
    asked = undefined;
    throw new NeedsHuman('secret.missing', `Secret ${name} with the password of user postgres does not exist or has no version.`, {
      remedy: `Add it to Secret Manager of project ${target.project}, then press Retry.`,
    });
  };
}

function feedUser(target: Target, secrets: Secrets, user: 'migration' | 'wayback') {
  return { user, password: async () => (await secrets.latest(target.secrets[user] ?? '')) ?? '' };
}

/** This package's version, for the log's first line and `--version`. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}
