import { Socket } from 'node:net';
import { Client } from 'pg';
import type { Connection } from '../types.ts';

export interface SessionRequest extends Connection {
  readonly database: string;
  /** PEM of the CA to verify; left out: no TLS, which only the instance's own agents may. */
  readonly ca?: string;
  readonly applicationName?: string;
}

/** One connected session; the caller ends it. */
export async function connect(request: SessionRequest): Promise<Client> {
  const { host, port, user, password, database, ca, applicationName } = request;
  const socket = new Socket();
  const client = new Client({
    stream: () => socket,
    host,
    port,
    user,
    password,
    database,
    application_name: applicationName ?? 'sandbox',
    connectionTimeoutMillis: 10_000,
    // As libpq's verify-ca: the chain is checked, the name is not.
    ...(ca === undefined ? {} : { ssl: { ca, checkServerIdentity: () => undefined } }),
  });
  // A server that is shut down ends its sessions; whoever uses one learns it from the query.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    // Refused within TLS, pg (8.23) leaves the socket open, and its end() would wait for ever.
    socket.destroy();
    throw error;
  }
  return client;
}

/** One session for one piece of work. */
export async function withSession<T>(request: SessionRequest, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(request);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
