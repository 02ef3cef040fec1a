import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Cluster, Connection } from '../types.ts';
import { startHeartbeat } from './heartbeat.ts';
import { layOut, writeAccess, writeFlags } from './instance-files.ts';
import { openPostmaster } from './postmaster.ts';
import { agentPassword } from './roles.ts';
import { withSession } from './session.ts';
import type { SslMode } from './settings.ts';
import { createAuthority, describeCertificate } from './tls.ts';
import { createUser, dropUser, setPassword } from './users.ts';

export interface ClusterRequest {
  readonly name: string;
  readonly version: number;
  readonly host: string;
  readonly port: number;
  readonly flags: Readonly<Record<string, string>>;
  readonly sslMode: SslMode;
  /** Data directory to begin with: an empty instance's, or a seeded one's. */
  readonly template: string;
  readonly directory: string;
  readonly scratch: string;
  readonly log: string;
  readonly pidFile: string;
  readonly postgres: string;
  readonly openssl: string;
}

/** A cluster and how to end it, which only its fleet does. */
export interface OwnedCluster {
  readonly cluster: Cluster;
  stop(): Promise<void>;
}

/** Lays out a new instance, starts it and waits until it answers. */
export async function openCluster(request: ClusterRequest): Promise<OwnedCluster> {
  const { name, version, host, port, directory } = request;
  const admin: Connection = { host, port, user: 'cloudsqladmin', password: agentPassword };
  const authority = await createAuthority(request.openssl, request.scratch, `${name} server CA`);
  await layOut({ directory, name, host, port, template: request.template, authority });
  let flags: Readonly<Record<string, string>> = request.flags;
  await writeFlags(directory, flags);
  await writeAccess(directory, request.sslMode);
  const postmaster = openPostmaster({ name, program: request.postgres, directory, log: request.log, pidFile: request.pidFile, admin });
  await postmaster.start();
  const heartbeat = startHeartbeat({ ...admin, user: 'cloudsqlagent' });

  const asAdmin = <T>(work: (client: Client) => Promise<T>) => withSession({ ...admin, database: 'postgres' }, work);
  // Two changes at once would read each other's half; Cloud SQL too does one after the other.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
  const reload = () =>
    asAdmin(async (client) => {
      const loaded = async () => String((await client.query('select pg_conf_load_time()::text as at')).rows[0]?.at);
      const before = await loaded();
      postmaster.signal('SIGHUP');
      while ((await loaded()) === before) await delay(10);
    });
  const restart = async () => {
    await postmaster.stop();
    await postmaster.start();
  };

  const cluster: Cluster = {
    name,
    version,
    host,
    port,
    serverCa: authority.certificate,
    admin,
    pid: postmaster.pid,
    running: postmaster.running,
    configure: (settings, andRestart) =>
      inTurn(async () => {
        const changed = { ...flags, ...settings };
        flags = Object.fromEntries(Object.entries(changed).filter((entry): entry is [string, string] => entry[1] !== null));
        await writeFlags(directory, flags);
        if (andRestart) await restart();
        else await reload();
      }),
    setSslMode: (mode) =>
      inTurn(async () => {
        await writeAccess(directory, mode);
        await reload();
      }),
    restart: () => inTurn(restart),
    crash: () => inTurn(postmaster.crash),
    async clientCertificate(commonName) {
      const signed = await authority.sign({ commonName, days: 3650 });
      return { ...signed, ...describeCertificate(signed.certificate) };
    },
    createUser: (user) => asAdmin((client) => createUser(client, version, user)),
    setPassword: (user, password) => asAdmin((client) => setPassword(client, user, password)),
    dropUser: (user) => asAdmin((client) => dropUser(client, user)),
  };
  return {
    cluster,
    stop: () =>
      inTurn(async () => {
        await heartbeat.stop();
        await postmaster.stop();
      }),
  };
}
