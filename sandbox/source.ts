import { randomBytes } from 'node:crypto';
import type { GoogleStandIn } from './google/google.ts';
import { sourceSettings } from './google/source-settings.ts';
import { prepareSource } from './seed/prepare-source.ts';
import type { SeedableFleet } from './servers/fleet.ts';
import type { Cluster } from './types.ts';
import type { Environment } from './workloads.ts';

/** The seeded instance of one environment as Google knows it, and its secrets. */
export async function openSource(
  fleet: SeedableFleet,
  google: GoogleStandIn,
  { name: environment, project, region }: Environment,
  options: { readonly scale: number; readonly databaseOwner?: 'application' | 'cloudsqlsuperuser' },
): Promise<Cluster> {
  const name = `me-inapp-${environment}-pg15`;
  const [rootPassword, bigqueryPassword] = [randomBytes(18).toString('base64url'), randomBytes(18).toString('base64url')];
  const settings = sourceSettings({ project, environment });
  const flags = Object.fromEntries((settings.databaseFlags ?? []).map((flag) => [flag.name ?? '', flag.value ?? '']));
  const cluster = await prepareSource(fleet, {
    name,
    project,
    scale: options.scale,
    flags,
    rootPassword,
    bigqueryPassword,
    ...(options.databaseOwner ? { databaseOwner: options.databaseOwner } : {}),
  });
  google.adopt({ project, name, region, settings });
  google.putSecret(project, 'database-password-inapp-postgres', rootPassword);
  google.putSecret(project, 'database-password-inapp-bigquery', bigqueryPassword);
  return cluster;
}
