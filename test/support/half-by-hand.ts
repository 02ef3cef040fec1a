import { withSession } from '../../sandbox/servers/session.ts';
import { createAuth } from '../../src/gcp/auth.ts';
import { createCloudSql } from '../../src/gcp/cloud-sql.ts';
import type { Stage } from './stage.ts';

/**
 * What a DBA may have done before anybody typed `start`: the replication flags and pglogical on the source, the constraint
 * dropped, the destination made with high availability and backups on and without the flags.
 */
export async function doHalfByHand({ world, cluster }: Stage, environment: string, project: string): Promise<void> {
  const wait = { signal: new AbortController().signal, timeoutMs: 120_000, everyMs: 50 };
  process.env['GCE_METADATA_HOST'] = world.environment.GCE_METADATA_HOST;
  process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
  const cloudSql = createCloudSql({
    auth: createAuth(project),
    endpoint: world.environment.GCP_ENDPOINT,
    project,
    guard: async () => undefined,
  });
  const source = `me-inapp-${environment}-pg15`;
  const before = await cloudSql.instance(source);
  const databaseFlags = [
    ...(before?.settings?.databaseFlags ?? []),
    { name: 'cloudsql.logical_decoding', value: 'on' },
    { name: 'cloudsql.enable_pglogical', value: 'on' },
  ];
  await cloudSql.wait(await cloudSql.patchInstance(source, { settings: { databaseFlags } }), wait);
  const { admin } = cluster(source);
  await withSession({ ...admin, database: 'inapp' }, async (client) => {
    // As user postgres does it on Cloud SQL, which lends it the right for this statement.
    await client.query(
      'set session authorization postgres; set role cloudsqlpatched; create extension pglogical; reassign owned by cloudsqlpatched to postgres; reset session authorization',
    );
    await client.query('alter table public.campaign drop constraint campaign_priority');
  });
  const { settings, region, rootPassword } = { ...before, rootPassword: 'made by hand' };
  await cloudSql.wait(
    await cloudSql.insertInstance({
      name: `me-inapp-${environment}-pg17`,
      databaseVersion: 'POSTGRES_17',
      region: region ?? 'europe-west3',
      rootPassword,
      settings: {
        tier: settings?.tier ?? null,
        edition: settings?.edition ?? null,
        availabilityType: 'REGIONAL',
        backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true },
        ipConfiguration: settings?.ipConfiguration ?? {},
      },
    }),
    wait,
  );
}
