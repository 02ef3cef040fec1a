import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { clientKeySecret, profileId, requestId } from '../../gcp/names.ts';
import type { ConnectionProfile } from '../../gcp/types.ts';
import type { Address } from '../../postgres/types.ts';

type Needs = Pick<Clients, 'target' | 'dataMigration' | 'secrets' | 'postgres'>;
const sides = ['source', 'destination'] as const;
type Sides = (typeof sides)[number];

/** Source: user migration, SERVER_CLIENT TLS. Destination: the existing instance, so a profile with `cloudSqlId` alone. */
export const createConnectionProfiles: Step<Needs> = {
  id: 'create-connection-profiles',
  title: 'Create the connection profiles of source and destination',
  impact: 'none',

  async check({ target, dataMigration, postgres }, run) {
    const address = await postgres.address('source');
    const missing: string[] = [];
    for (const side of sides) {
      const id = profileId(run, side);
      const profile = await dataMigration.connectionProfile(id);
      if (!profile) missing.push(describe(side, id, target, address));
      else if (profile.state === 'FAILED')
        return blocked(
          'gcp.profile-failed',
          `Connection profile ${id} failed: ${profile.error?.message ?? 'no reason given'}.`,
          'Delete it in Database Migration Service, then press Retry.',
        );
      else if (profile.state !== 'READY') return waiting(`connection profile ${id} is ${profile.state}`, 2_000);
      else if (profile.postgresql?.cloudSqlId !== target[side])
        return blocked(
          'gcp.profile-differs',
          `Connection profile ${id} names ${profile.postgresql?.cloudSqlId}, not ${target[side]}.`,
          'Delete it in Database Migration Service, then press Retry.',
        );
    }
    return missing.length > 0 ? todo(missing) : done(`${sides.map((side) => profileId(run, side)).join(' and ')} are READY`);
  },

  async apply(clients, run) {
    const { dataMigration } = clients;
    const wait = { signal: run.signal, timeoutMs: 10 * 60_000 };
    for (const side of sides) {
      const id = profileId(run, side);
      const begun = run.recall<string>(`operation ${side}`);
      if (begun !== undefined && !(await dataMigration.operation(begun)).done) await dataMigration.wait(begun, wait);
      if (await dataMigration.connectionProfile(id)) continue;
      // Under the id of a request that was carried out Google makes nothing again, not even what was deleted meanwhile.
      const request = requestId(run, `create ${id} after ${begun ?? 'nothing'}`);
      const operation = await dataMigration.createConnectionProfile(id, await bodyOf(side, clients, run), request);
      await run.record(`operation ${side}`, operation);
      await dataMigration.wait(operation, wait);
    }
  },

  async undo({ dataMigration }, run) {
    for (const side of sides) {
      const id = profileId(run, side);
      if (!(await dataMigration.connectionProfile(id))) continue;
      await dataMigration.wait(await dataMigration.deleteConnectionProfile(id), { signal: run.signal, timeoutMs: 10 * 60_000 });
    }
  },
};

function describe(side: Sides, id: string, target: Needs['target'], address: Address): string {
  return side === 'source'
    ? `create connection profile ${id}: ${target.source} at ${address.host}:${address.port}, user migration, SERVER_CLIENT TLS with server CA, client certificate and key`
    : `create connection profile ${id}: the existing instance ${target.destination}`;
}

async function bodyOf(side: Sides, { target, secrets, postgres }: Needs, run: RunView): Promise<ConnectionProfile> {
  const id = profileId(run, side);
  const common = { displayName: id, provider: 'CLOUDSQL', labels: { 'managed-by': 'pgupgrade', 'pgupgrade-run': run.uid } };
  if (side === 'destination') return { ...common, role: 'DESTINATION', postgresql: { cloudSqlId: target.destination } };
  const certificate = run.recall<{ certificate: string; serverCa: string }>('certificate', 'create-client-certificate');
  const [{ host, port }, password, clientKey] = await Promise.all([
    postgres.address('source'),
    secrets.latest(target.secrets['migration'] ?? ''),
    secrets.latest(clientKeySecret(run)),
  ]);
  if (!certificate || password === undefined || clientKey === undefined)
    throw new NeedsHuman(
      'secret.missing',
      `The connection profile ${id} needs the password of migration (secret ${target.secrets['migration']}), the client certificate and its key (secret ${clientKeySecret(run)}).`,
      {
        remedy: 'Put the missing secret back, or abort and start again.',
      },
    );
  return {
    ...common,
    role: 'SOURCE',
    postgresql: {
      cloudSqlId: target.source,
      host,
      port,
      username: 'migration',
      password,
      ssl: { type: 'SERVER_CLIENT', caCertificate: certificate.serverCa, clientCertificate: certificate.certificate, clientKey },
    },
  };
}
