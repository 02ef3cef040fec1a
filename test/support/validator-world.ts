import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openServers } from '../../sandbox/servers/open-servers.ts';
import type { Cluster, Connection, Fleet } from '../../sandbox/types.ts';
import { createValidator } from '../../src/validator/compare.ts';
import type { CompareRequest, ConnectionFactory, Verdict } from '../../src/validator/types.ts';

/** Without pglogical, whose supervisor makes DROP DATABASE wait for ever. */
const flags = {
  'cloudsql.logical_decoding': 'on',
  max_replication_slots: '20',
  max_wal_senders: '20',
  max_worker_processes: '30',
};

interface Server {
  readonly version: number;
  readonly admin: Connection;
}

/** Two servers, and the validator between their databases `inapp`. */
export interface ValidatorWorld {
  readonly versions: { readonly source: number; readonly destination: number };
  readonly admin: { readonly source: Connection; readonly destination: Connection };
  on(side: 'source' | 'destination', ...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  compare(request?: Partial<CompareRequest>): Promise<Verdict>;
  /** Drops and makes the database anew, on both sides, with these statements. */
  rebuild(statements: { readonly source: readonly string[]; readonly destination: readonly string[] }): Promise<void>;
  dsn(side: 'source' | 'destination'): string;
  sessions(side: 'source' | 'destination'): Promise<number>;
  close(): Promise<void>;
}

export interface ClusterWorld extends ValidatorWorld {
  readonly source: Cluster;
  readonly destination: Cluster;
  readonly program: Fleet['program'];
  /** What the server has logged so far; each line begins with the time and, in brackets, the process. */
  log(side: 'source' | 'destination'): Promise<string>;
}

/** A server of 15 and one of 17. With pglogical the databases cannot be made anew. */
export async function openWorld(more: Readonly<Record<string, string>> = {}): Promise<ClusterWorld> {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-validator-'));
  const servers = await openServers({ workDir });
  const [source, destination] = await Promise.all([
    servers.fleet.create({ name: 'old', version: 15, flags: { ...flags, ...more } }),
    servers.fleet.create({ name: 'new', version: 17, flags: { ...flags, ...more } }),
  ]);
  return {
    ...worldBetween(source, destination, async () => {
      await servers.close();
      await rm(workDir, { recursive: true, force: true });
    }),
    source,
    destination,
    program: servers.fleet.program,
    log: (side) => readFile(join(workDir, 'logs', `${side === 'source' ? source.name : destination.name}.log`), 'utf8'),
  };
}

/** The same two servers, the newer one as the source: so a rollback compares. The world that they are of closes them. */
export function turned({ source, destination }: ClusterWorld): ValidatorWorld {
  return worldBetween(destination, source, async () => undefined);
}

/** Everything in `inapp`, while nobody writes. */
export function atRest(): CompareRequest {
  return { databases: ['inapp'], live: false, sequences: true, expected: [], connections: 2, signal: new AbortController().signal };
}

/** The validator between any two servers. */
export function worldBetween(source: Server, destination: Server, close: () => Promise<void>): ValidatorWorld {
  const clusters = { source, destination };
  const factory = (cluster: Server): ConnectionFactory => ({
    async open(database, applicationName) {
      const client = new Client({ ...cluster.admin, database, application_name: applicationName });
      await client.connect();
      return client;
    },
  });
  const validator = createValidator({ source: factory(source), destination: factory(destination) });

  async function run(cluster: Server, database: string, statements: readonly string[]): Promise<Record<string, unknown>[]> {
    const client = new Client({ ...cluster.admin, database });
    // A test may kill the server.
    client.on('error', () => undefined);
    await client.connect();
    try {
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) {
        const result = await client.query(statement);
        rows = Array.isArray(result) ? [] : result.rows;
      }
      return rows;
    } finally {
      await client.end();
    }
  }
  return {
    versions: { source: source.version, destination: destination.version },
    admin: { source: source.admin, destination: destination.admin },
    on: (side, ...statements) => run(clusters[side], 'inapp', statements),
    compare: (request = {}) => validator.compare({ ...atRest(), ...request }),
    async rebuild(statements) {
      await Promise.all(
        (['source', 'destination'] as const).map(async (side) => {
          await run(clusters[side], 'postgres', ['drop database if exists inapp with (force)', 'create database inapp']);
          await run(clusters[side], 'inapp', statements[side]);
        }),
      );
    },
    dsn(side) {
      const { user, password, host, port } = clusters[side].admin;
      return `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/inapp`;
    },
    async sessions(side) {
      const [row] = await run(clusters[side], 'postgres', [
        `select count(*)::int as n from pg_stat_activity where application_name like 'pgupgrade-validate%'`,
      ]);
      return Number(row?.['n']);
    },
    close,
  };
}

/** Makes a difference, compares, mends it. */
export async function injectedInto(
  world: ValidatorWorld,
  make: readonly string[],
  mend: readonly string[],
  side: 'source' | 'destination' = 'destination',
) {
  await world.on(side, ...make);
  try {
    return await world.compare();
  } finally {
    await world.on(side, ...mend);
  }
}
