import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGoogle, type GoogleRequest, type GoogleStandIn } from '../../sandbox/google/google.ts';
import { logLine } from '../../sandbox/google/log.ts';
import { sourceSettings } from '../../sandbox/google/source-settings.ts';
import { prepareSource } from '../../sandbox/seed/prepare-source.ts';
import { openServers, type Servers } from '../../sandbox/servers/open-servers.ts';
import { createAuth } from '../../src/gcp/auth.ts';
import { createCloudSql } from '../../src/gcp/cloud-sql.ts';
import { createDataMigration } from '../../src/gcp/data-migration.ts';
import { createSecrets } from '../../src/gcp/secrets.ts';

export const project = 'ems-mobile-engage-staging';
export const location = `projects/${project}/locations/europe-west3`;
export const source = 'me-inapp-staging-pg15';
export const destination = 'me-inapp-staging-pg17';

/** Google's stand-in over a seeded source, and the bot's own clients pointed at it by environment alone. */
export async function openGoogleWorld(options: Partial<GoogleRequest> = {}) {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-google-'));
  const servers: Servers = await openServers({ workDir });
  const settings = sourceSettings({ project, environment: 'staging' });
  const flags = Object.fromEntries((settings.databaseFlags ?? []).map(({ name, value }) => [name ?? '', value ?? '']));
  await prepareSource(servers.fleet, { name: source, project, scale: 1, flags, rootPassword: 'root-password' });
  const google: GoogleStandIn = createGoogle({ fleet: servers.fleet, projects: [project], ...options });
  const endpoint = await google.listen();
  google.adopt({ project, name: source, region: 'europe-west3', settings });
  google.putSecret(project, 'database-password-inapp-postgres', 'root-password');
  process.env['GCE_METADATA_HOST'] = endpoint.replace('http://', '');
  process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
  let guarded = 0;
  const auth = createAuth(project);
  const guard = async () => {
    guarded += 1;
  };
  const wait = { signal: new AbortController().signal, timeoutMs: 60_000, everyMs: 20 };
  return {
    servers,
    fleet: servers.fleet,
    google,
    endpoint,
    auth,
    wait,
    guarded: () => guarded,
    cloudSql: createCloudSql({ auth, endpoint, project, guard }),
    dataMigration: createDataMigration({ auth, endpoint, location, guard }),
    secrets: createSecrets({ auth, endpoint, project, guard }),
    /** Requests and answers that the official schemas do not allow. */
    violations: () => google.log.filter((entry) => entry.violations.length > 0).map(logLine),
    async close() {
      await google.close();
      await servers.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}
export type GoogleWorld = Awaited<ReturnType<typeof openGoogleWorld>>;
