import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import type { Cluster } from '../types.ts';
import { exists, invalid, precondition, Refusal } from './fault.ts';
import { checkedFlags, needsRestart } from './flags.ts';
import { beginSqlOperation, refuseWhileBusy } from './sql-operations.ts';
import { type Google, type Handlers, handler, type InstanceState, now, param, type Settings } from './state.ts';

type Instance = sqladmin_v1.Schema$DatabaseInstance;

export function instanceOf(google: Google, project: string, name: string): InstanceState {
  const found = google.state.instances.get(`${project}/${name}`);
  if (!found) throw new Refusal(404, 'NOT_FOUND', 'The Cloud SQL instance does not exist.', { reason: 'instanceDoesNotExist' });
  return found;
}

/** The server of an instance that has one. */
export function clusterOf(google: Google, instance: InstanceState): Cluster {
  const cluster = google.fleet.get(instance.name);
  if (!cluster || instance.state !== 'RUNNABLE')
    throw precondition(`Invalid request: Instance ${instance.name} is not running (state ${instance.state}).`);
  return cluster;
}

const majorOf = (databaseVersion: string): number => Number(/^POSTGRES_(\d+)$/.exec(databaseVersion)?.[1] ?? Number.NaN);

/** An instance as `instances.get` shows it. */
export function shownInstance(google: Google, instance: InstanceState): Instance {
  const { project, name, region, databaseVersion, createTime, settings, state, instanceType } = instance;
  const cluster = google.fleet.get(name);
  const regional = settings.availabilityType === 'REGIONAL';
  return {
    kind: 'sql#instance',
    name,
    project,
    region,
    databaseVersion,
    state,
    instanceType,
    createTime,
    backendType: instanceType === 'ON_PREMISES_INSTANCE' ? 'EXTERNAL' : 'SECOND_GEN',
    connectionName: `${project}:${region}:${name}`,
    selfLink: `${google.base()}/v1/projects/${project}/instances/${name}`,
    settings: structuredClone(settings),
    ...(instance.masterInstanceName === undefined ? {} : { masterInstanceName: instance.masterInstanceName }),
    ...(instance.kmsKeyName === undefined ? {} : { diskEncryptionConfiguration: { kmsKeyName: instance.kmsKeyName } }),
    ...(instance.hostPort === undefined
      ? {}
      : { onPremisesConfiguration: { kind: 'sql#onPremisesConfiguration', hostPort: instance.hostPort } }),
    ...(cluster
      ? {
          ipAddresses: [{ type: 'PRIVATE', ipAddress: cluster.host }],
          serverCaCert: { kind: 'sql#sslCert', cert: cluster.serverCa, instance: name },
          gceZone: `${region}-a`,
          ...(regional ? { secondaryGceZone: `${region}-b` } : {}),
          serviceAccountEmailAddress: `p${[...project].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1e12, 7)}-sandbox@gcp-sa-cloud-sql.iam.gserviceaccount.com`,
        }
      : {}),
  };
}

/** What Cloud SQL fills in where a request is silent. */
export function withDefaults(settings: Settings): Settings {
  return {
    activationPolicy: 'ALWAYS',
    availabilityType: 'ZONAL',
    dataDiskSizeGb: '10',
    dataDiskType: 'PD_SSD',
    edition: 'ENTERPRISE',
    pricingPlan: 'PER_USE',
    storageAutoResize: true,
    deletionProtectionEnabled: false,
    ...settings,
    kind: 'sql#settings',
    backupConfiguration: {
      kind: 'sql#backupConfiguration',
      enabled: false,
      pointInTimeRecoveryEnabled: false,
      ...settings.backupConfiguration,
    },
    ipConfiguration: { sslMode: 'ALLOW_UNENCRYPTED_AND_ENCRYPTED', ...settings.ipConfiguration },
    settingsVersion: '1',
  };
}

type SslMode = NonNullable<Parameters<Google['fleet']['create']>[0]['sslMode']>;
const sslModes: readonly string[] = [
  'ALLOW_UNENCRYPTED_AND_ENCRYPTED',
  'ENCRYPTED_ONLY',
  'TRUSTED_CLIENT_CERTIFICATE_REQUIRED',
] satisfies SslMode[];
function sslModeOf(settings: Settings): SslMode {
  const mode = settings.ipConfiguration?.sslMode ?? 'ALLOW_UNENCRYPTED_AND_ENCRYPTED';
  if (!sslModes.includes(mode)) throw invalid(`Invalid request: sslMode ${mode} is not valid.`);
  return mode as SslMode;
}

export function instanceHandlers(google: Google): Handlers {
  const { instances } = google.state;
  const find = (params: Readonly<Record<string, string>>) => instanceOf(google, param(params, 'project'), param(params, 'instance'));

  return {
    'sql.instances.get': handler(({ params }) => shownInstance(google, find(params))),
    'sql.instances.list': handler(({ params }) => {
      const own = [...instances.values()].filter((one) => one.project === params['project']);
      return { kind: 'sql#instancesList', items: own.map((one) => shownInstance(google, one)) };
    }),
    'sql.instances.insert': handler(({ params }, body: Instance) => {
      const project = param(params, 'project');
      const name = body.name ?? '';
      const version = majorOf(body.databaseVersion ?? '');
      if (!/^[a-z][a-z0-9-]{0,96}$/.test(name)) throw invalid(`Invalid value "${name}" for name.`);
      if (!body.settings?.tier) throw invalid('Invalid request: settings.tier is required.');
      if (Number.isNaN(version)) throw invalid(`Invalid value "${body.databaseVersion ?? ''}" for databaseVersion.`);
      if (instances.has(`${project}/${name}`) || google.fleet.get(name)) throw exists('The Cloud SQL instance already exists.');
      const flags = checkedFlags(version, body.settings.databaseFlags);
      const settings = withDefaults(body.settings);
      refusePitrWithoutBackups(settings);
      const sslMode = sslModeOf(settings);
      const instance: InstanceState = {
        project,
        name,
        region: body.region ?? 'us-central1',
        databaseVersion: `POSTGRES_${version}`,
        createTime: now(),
        settings,
        state: 'PENDING_CREATE',
        instanceType: 'CLOUD_SQL_INSTANCE',
        users: new Map(),
        certificates: new Map(),
        backups: [],
        ...(body.diskEncryptionConfiguration?.kmsKeyName ? { kmsKeyName: body.diskEncryptionConfiguration.kmsKeyName } : {}),
      };
      instances.set(`${project}/${name}`, instance);
      const work = async () => {
        await google.fleet.create({ name, version, flags, sslMode, ...(body.rootPassword ? { rootPassword: body.rootPassword } : {}) });
        instance.state = 'RUNNABLE';
      };
      const failed = () => {
        instance.state = 'FAILED';
      };
      return beginSqlOperation(google, { project, instance: name, type: 'CREATE', work, failed });
    }),
    'sql.instances.patch': handler(({ params }, body: Instance) => {
      const instance = find(params);
      refuseWhileBusy(google, instance.project, instance.name);
      return patch(google, instance, body);
    }),
    'sql.instances.restart': handler(({ params }) => {
      const instance = find(params);
      const { project, name } = instance;
      const cluster = clusterOf(google, instance);
      return beginSqlOperation(google, { project, instance: name, type: 'RESTART', work: () => cluster.restart() });
    }),
    'sql.instances.delete': handler(({ params }) => {
      const instance = find(params);
      const { project, name } = instance;
      refuseWhileBusy(google, project, name);
      if (instance.settings.deletionProtectionEnabled)
        throw invalid(
          'The instance is protected. Please disable the deletion protection and try again. To disable deletion protection, update the instance settings with deletionProtectionEnabled set to false.',
        );
      const replicas = [...instances.values()].filter((one) => one.project === project && one.masterInstanceName === `${project}:${name}`);
      if (replicas.length > 0)
        throw precondition(
          `Invalid request: ${name} still has replicas: ${replicas.map((one) => one.name).join(', ')}. Delete or promote them first.`,
        );
      const before = instance.state;
      instance.state = 'PENDING_DELETE';
      const failed = () => {
        instance.state = before;
      };
      return beginSqlOperation(google, { project, instance: name, type: 'DELETE', work: () => removeInstance(google, instance), failed });
    }),
  };
}

/** Ends the server with its data. */
export async function removeInstance(google: Google, instance: InstanceState): Promise<void> {
  if (google.fleet.get(instance.name)) await google.fleet.drop(instance.name);
  google.state.instances.delete(`${instance.project}/${instance.name}`);
}

function refusePitrWithoutBackups(settings: Settings): void {
  if (settings.backupConfiguration?.pointInTimeRecoveryEnabled && !settings.backupConfiguration.enabled)
    throw invalid('Invalid request: Point-in-time recovery requires automated backups to be enabled.');
}

function patch(google: Google, instance: InstanceState, body: Instance) {
  const { project, name } = instance;
  const wanted: Settings = body.settings ?? {};
  const { settings: before } = instance;
  if (instance.instanceType === 'ON_PREMISES_INSTANCE') throw precondition(`Invalid request: ${name} is a source representation instance.`);
  if (wanted.settingsVersion && wanted.settingsVersion !== before.settingsVersion)
    throw new Refusal(412, 'FAILED_PRECONDITION', 'Condition does not match: settingsVersion is not the newest.', {
      reason: 'conditionNotMet',
    });
  // Objects are merged, arrays are replaced whole.
  const after = merge(before, wanted);
  after.settingsVersion = String(Number(before.settingsVersion ?? '1') + 1);
  refusePitrWithoutBackups(after);
  if (instance.instanceType === 'READ_REPLICA_INSTANCE' && (after.availabilityType === 'REGIONAL' || after.backupConfiguration?.enabled))
    throw precondition(
      `Invalid request: backups, point-in-time recovery and high availability cannot be enabled on ${name} while it follows an external source.`,
    );
  const version = majorOf(instance.databaseVersion);
  const [oldFlags, newFlags] = [checkedFlags(version, before.databaseFlags), checkedFlags(version, after.databaseFlags)];
  const changes = Object.fromEntries(
    Object.keys({ ...oldFlags, ...newFlags })
      .filter((flag) => oldFlags[flag] !== newFlags[flag])
      .map((flag) => [flag, newFlags[flag] ?? null]),
  );
  const sslMode = sslModeOf(after);
  const pitrOn =
    after.backupConfiguration?.pointInTimeRecoveryEnabled === true && before.backupConfiguration?.pointInTimeRecoveryEnabled !== true;
  const restart = needsRestart(oldFlags, newFlags) || pitrOn || after.tier !== before.tier;
  const cluster = clusterOf(google, instance);
  const work = async () => {
    if (sslMode !== sslModeOf(before)) await cluster.setSslMode(sslMode);
    if (Object.keys(changes).length > 0) await cluster.configure(changes, restart);
    else if (restart) await cluster.restart();
    instance.settings = after;
  };
  return beginSqlOperation(google, { project, instance: name, type: 'UPDATE', work });
}

function merge<T extends object>(before: T, patched: Partial<T>): T {
  const out: Record<string, unknown> = Object.fromEntries(Object.entries(before));
  for (const [key, value] of Object.entries(patched)) {
    const old = out[key];
    const nested = typeof value === 'object' && value !== null && !Array.isArray(value) && typeof old === 'object' && old !== null;
    if (value === null) delete out[key];
    else if (value !== undefined) out[key] = nested ? merge(old as object, value as object) : value;
  }
  return out as T;
}
