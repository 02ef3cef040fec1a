import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, Fleet } from '../types.ts';
import { addresses, freePort } from './address.ts';
import { giveToServer, lock, openDirectory, reachable } from './cache.ts';
import { type OwnedCluster, openCluster } from './cluster.ts';
import { endLeftovers } from './daemon.ts';
import { writeForServer } from './instance-files.ts';
import type { Packages } from './packages.ts';
import { emptyTemplate } from './template.ts';

export interface FleetRequest {
  /** Everything of the fleet lies here; what an earlier, killed fleet left in it is ended and removed. */
  readonly workDir: string;
  readonly packages: Packages;
  /** The one port of all instances; a free one by default. */
  readonly port?: number;
}

/** A fleet that can also begin an instance from a seeded data directory, and let one go with its data kept. */
export interface SeedableFleet extends Fleet {
  createFrom(request: Parameters<Fleet['create']>[0] & { readonly template: string }): Promise<Cluster>;
  /** Stops the instance and forgets it; answers its data directory, which the caller takes over. */
  release(name: string): Promise<string>;
  readonly packages: Packages;
}

/** Real PostgreSQL servers as Cloud SQL instances. Throws if another sandbox runs in the same directory. */
export async function createFleet(request: FleetRequest): Promise<SeedableFleet> {
  const { packages } = request;
  const root = await openDirectory(await reachable(request.workDir));
  // A killed sandbox's lock is free as soon as the kernel has closed its pipe: a moment, not at once.
  const release = await lock(join(root, 'lock'), 2);
  if (!release) throw new Error(`Another sandbox is running in ${root}; end it or choose another directory.`);
  const pids = await openDirectory(join(root, 'pids'));
  await endLeftovers(pids);
  const instances = join(root, 'instances');
  const shared = join(root, 'shared');
  for (const stale of [instances, shared]) await rm(stale, { recursive: true, force: true });
  await openDirectory(instances);
  await giveToServer(await openDirectory(shared), 0o755);
  const logs = await openDirectory(join(root, 'logs'));
  const scratch = await openDirectory(join(root, 'scratch'));
  const port = request.port ?? (await freePort());
  const nextAddress = addresses(port);
  const owned = new Map<string, OwnedCluster>();
  const taken = new Set<string>();

  const createFrom: SeedableFleet['createFrom'] = async ({ name, version, flags, rootPassword, sslMode, template }) => {
    if (!/^[a-z][a-z0-9-]{0,96}$/.test(name)) throw new Error(`Instance name ${name} must be lower case letters, digits and hyphens.`);
    if (taken.has(name)) throw new Error(`Instance ${name} already exists.`);
    taken.add(name);
    try {
      const made = await openCluster({
        name,
        version,
        flags,
        template,
        host: await nextAddress(),
        port,
        sslMode: sslMode ?? 'ENCRYPTED_ONLY',
        directory: join(instances, name),
        scratch,
        log: join(logs, `${name}.log`),
        pidFile: join(pids, name),
        postgres: packages.program(version, 'postgres'),
        openssl: packages.tool('openssl'),
      });
      owned.set(name, made);
      if (rootPassword !== undefined) await made.cluster.setPassword('postgres', rootPassword);
      return made.cluster;
    } catch (error) {
      if (!owned.has(name)) taken.delete(name);
      throw error;
    }
  };
  const letGo = async (name: string): Promise<void> => {
    await owned.get(name)?.stop();
    owned.delete(name);
    taken.delete(name);
  };
  return {
    packages,
    shared,
    createFrom,
    create: async (wanted) => createFrom({ ...wanted, template: await emptyTemplate(packages, wanted.version) }),
    get: (name) => owned.get(name)?.cluster,
    list: () => [...owned.values()].map(({ cluster }) => cluster),
    async release(name) {
      await letGo(name);
      return join(instances, name, 'data');
    },
    async drop(name) {
      await letGo(name);
      await rm(join(instances, name), { recursive: true, force: true });
    },
    program: (version, name) => packages.program(version, name),
    async share(file, content) {
      const path = join(shared, file);
      await writeForServer(path, content);
      return path;
    },
    async close() {
      await Promise.all([...owned.keys()].map(letGo));
      await release();
    },
  };
}
