import { createFleet, type SeedableFleet } from './fleet.ts';
import { openPackages, type PackageProgress, type Packages } from './packages.ts';
import { openRedis, type RedisServer } from './redis.ts';

export interface Servers {
  readonly fleet: SeedableFleet;
  readonly redis: RedisServer;
  readonly packages: Packages;
  close(): Promise<void>;
}

/**
 * Everything real of the sandbox: packages (fetched at the first time), an empty fleet and Redis. A directory left by a killed
 * sandbox is cleaned up first.
 */
export async function openServers(request: {
  readonly workDir: string;
  readonly onProgress?: (progress: PackageProgress) => void;
}): Promise<Servers> {
  const packages = await openPackages(request.onProgress);
  const fleet = await createFleet({ workDir: request.workDir, packages });
  try {
    const redis = await openRedis({ workDir: request.workDir, packages });
    return {
      fleet,
      redis,
      packages,
      async close() {
        await redis.close();
        await fleet.close();
      },
    };
  } catch (error) {
    await fleet.close();
    throw error;
  }
}
