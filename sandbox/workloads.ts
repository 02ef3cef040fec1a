import pg from 'pg';
import type { DeploymentSpec } from './kubernetes/deployments.ts';
import type { Cluster } from './types.ts';

/** The password that stands for an IAM login: pods have no other. */
const iamToken = 'iam-token';

export interface Environment {
  readonly name: string;
  readonly project: string;
  readonly region: string;
}

/** The array types' OIDs as the service is configured with before the upgrade. */
async function arrayOids(source: Cluster): Promise<Readonly<Record<string, string>>> {
  const client = new pg.Client({ ...source.admin, database: 'inapp', ssl: { rejectUnauthorized: false } });
  await client.connect();
  try {
    const { rows } = await client.query<{ typname: string; oid: number }>(
      `select typname, typarray::int as oid from pg_type where typname in ('test_contact', 'program_run')`,
    );
    return Object.fromEntries(rows.map(({ typname, oid }) => [typname, String(oid)]));
  } finally {
    await client.end();
  }
}

/** The procedure's workloads of one environment, and one writer that nobody told the bot about. */
export async function workloadsOf(environment: Environment, source: Cluster, pauseMs: number): Promise<readonly DeploymentSpec[]> {
  const namespace = `inapp-${environment.name}`;
  const oids = await arrayOids(source);
  const connection = { PG_INSTANCE_CONNECTION_NAME: `${environment.project}:${environment.region}:${source.name}` };
  const arrays = { PG_PROGRAM_RUN_ARRAY_OIDS: oids['program_run'] ?? '', PG_TEST_CONTACT_ARRAY_OIDS: oids['test_contact'] ?? '' };
  const inapp = { namespace, user: `me-inapp@${environment.project}.iam`, password: iamToken, database: 'inapp', pauseMs };
  const deviceEvent = `me-device-event@${environment.project}.iam`;
  return [
    { ...inapp, name: 'inapp-web', kind: 'web', replicas: 2, environment: { ...connection, ...arrays } },
    { ...inapp, name: 'inapp-worker', kind: 'worker', replicas: 2, environment: { ...connection, ...arrays } },
    {
      ...inapp,
      name: 'device-event',
      kind: 'reader',
      replicas: 1,
      user: deviceEvent,
      environment: { PG_CONNECTION_STRING: `postgres://${encodeURIComponent(deviceEvent)}@${source.host}:${source.port}/inapp` },
    },
    { ...inapp, name: 'audience-partition-creation', kind: 'partitions', replicas: 0, environment: connection },
    { ...inapp, namespace: `shadow-${environment.name}`, name: 'adhoc', kind: 'adhoc', replicas: 1, pauseMs: 100, environment: connection },
  ];
}
