import { randomBytes } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeIdentifier } from 'pg';
import { buildOnce, key } from '../servers/cache.ts';
import { run } from '../servers/command.ts';
import type { SeedableFleet } from '../servers/fleet.ts';
import { withSession } from '../servers/session.ts';
import { emptyTemplate } from '../servers/template.ts';
import type { Cluster } from '../types.ts';
import { dataStreams } from './data.ts';
import { type SeedRequest, schemaFile, seedSource, serviceUsers } from './seed.ts';

export interface SourceRequest extends SeedRequest {
  readonly name: string;
  /** 15 if left out. */
  readonly version?: number;
  readonly flags: Readonly<Record<string, string>>;
  readonly rootPassword?: string;
}

/** Counts changes of how the copy is made that its content does not show. */
const recipe = 1;

/** The project that the cached copy is seeded for; its users are renamed for the real one. */
const nowhere = 'seed';

/** A stopped, seeded data directory; made once per version, scale and content. */
async function seededTemplate(fleet: SeedableFleet, version: number, request: SeedRequest): Promise<string> {
  const owner = request.databaseOwner ?? 'application';
  const empty = await emptyTemplate(fleet.packages, version);
  const content = key(empty, await readFile(schemaFile, 'utf8'), JSON.stringify(dataStreams), recipe, String(request.scale), owner);
  const at = join(fleet.packages.cache, 'seeds', `${version}-scale-${request.scale}-${content}`);
  await buildOnce(at, async (unfinished) => {
    const name = `seed-${randomBytes(4).toString('hex')}`;
    // Nothing is lost if this server dies: the copy is not taken then.
    const flags = {
      fsync: 'off',
      wal_level: 'minimal',
      max_wal_senders: '0',
      synchronous_commit: 'off',
      max_wal_size: '4GB',
      autovacuum: 'off',
    };
    const cluster = await fleet.create({ name, version, flags });
    try {
      await seedSource(cluster, { project: nowhere, scale: request.scale, databaseOwner: owner });
      const data = await fleet.release(name);
      await rename(data, join(unfinished, 'data')).catch(
        async () => void (await run({ program: 'cp', args: ['-a', data, join(unfinished, 'data')] })),
      );
    } finally {
      await fleet.drop(name);
    }
  });
  return join(at, 'data');
}

/**
 * The source instance of a project, as it is before anybody thinks of an upgrade: seeded, `wal_level` replica unless the flags say
 * otherwise, no pglogical. From the cached copy if there is one: a second or two instead of the time of the inserts.
 */
export async function prepareSource(fleet: SeedableFleet, request: SourceRequest): Promise<Cluster> {
  const { name, flags, rootPassword, version = 15 } = request;
  const template = await seededTemplate(fleet, version, request);
  const cluster = await fleet.createFrom({ name, version, flags, template, ...(rootPassword === undefined ? {} : { rootPassword }) });
  const [from, to] = [serviceUsers(nowhere), serviceUsers(request.project)];
  await withSession({ ...cluster.admin, database: 'postgres' }, async (admin) => {
    for (const user of ['application', 'deviceEvent'] as const)
      await admin.query(`alter role ${escapeIdentifier(from[user])} rename to ${escapeIdentifier(to[user])}`);
  });
  await cluster.setPassword(from.bigquery, request.bigqueryPassword ?? randomBytes(12).toString('hex'));
  return cluster;
}
