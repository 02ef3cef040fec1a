import type { ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import { Fatal, NeedsHuman, Transient } from '../errors.ts';
import { classified, type Where } from './errors.ts';
import { runPatched } from './patched.ts';
import type { Address, Row, Side, Sql, StatementOptions } from './types.ts';

export interface SessionRequest {
  readonly side: Side;
  readonly database: string;
  readonly user?: string;
  /** Asked at each (re)connect: host, port, user, password, ssl or a connection string. */
  readonly config: () => Promise<ClientConfig>;
  /** Read at each connect; `rename` carries a new one to the server. */
  readonly applicationName: string;
  /** Before every change; throws where this process may not act any more. */
  readonly guard?: () => Promise<void>;
  readonly readOnly?: boolean;
  readonly patchedRole?: string | undefined;
  /** Read at each statement: the one of the execution that uses the session now. */
  readonly signal?: AbortSignal;
}

export interface Session extends Sql {
  /** Connects if it is not connected; gives the server process's id. */
  connect(): Promise<number>;
  connected(): boolean;
  /** Gives a connected session the name of the execution that uses it now. */
  rename(): Promise<void>;
  end(): Promise<void>;
}

const statementTimeoutMs = 60_000;
const lockTimeoutMs = 5_000;
const connectTimeoutMs = 8_000;

/** Chain and dates are checked, the host name is not: Cloud SQL's certificates carry the instance's name (verify-ca). */
export function verifyCa(address: Address): ConnectionOptions {
  return { ca: address.caCertificate, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

/**
 * One session, connected at its first use and again after it was lost (a restart of the instance), never inside a
 * transaction. One statement at a time; while a transaction runs, other callers wait.
 */
export function openSession(request: SessionRequest): Session {
  const { side, database } = request;
  const where = (): Where => ({
    side,
    database,
    ...(request.user === undefined ? {} : { user: request.user }),
    aborted: request.signal?.aborted ?? false,
  });
  let client: Client | undefined;
  let ended = false;
  let warnings: string[] = [];
  let tail: Promise<unknown> = Promise.resolve();

  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = tail.then(work);
    tail = result.catch(() => undefined);
    return result;
  }

  async function connected(): Promise<Client> {
    if (ended) throw new Fatal('postgres.session-closed', `The session on the ${side}, database ${database} was used after its end.`);
    if (request.signal?.aborted) throw new Transient('postgres.cancelled', `Nothing was sent to the ${side}: this execution has ended.`);
    if (client) return client;
    const fresh = new Client({
      ...(await request.config()),
      application_name: request.applicationName,
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: statementTimeoutMs,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      ...(request.readOnly ? { options: '-c default_transaction_read_only=on' } : {}),
    });
    const lost = () => {
      if (client === fresh) client = undefined;
    };
    fresh.on('error', lost);
    fresh.on('end', lost);
    fresh.on('notice', (notice) => {
      if (notice.severity === 'WARNING') warnings.push(notice.message ?? '');
    });
    await fresh.connect();
    client = fresh;
    return fresh;
  }

  async function send<T extends Row>(on: Client, text: string, values: readonly unknown[], options: StatementOptions): Promise<T[]> {
    const { signal } = request;
    if (signal?.aborted) throw new Transient('postgres.cancelled', `Nothing was sent to the ${side}: this execution has ended.`);
    const cancel = () => void cancelRunning(request, on);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      if (options.timeoutMs !== undefined) await on.query(`set statement_timeout = ${Math.ceil(options.timeoutMs)}`);
      if (options.lockTimeoutMs !== undefined) await on.query(`set lock_timeout = ${Math.ceil(options.lockTimeoutMs)}`);
      const result = await on.query<T>(text, [...values]);
      return result.rows;
    } finally {
      signal?.removeEventListener('abort', cancel);
      if (options.timeoutMs !== undefined) await on.query(`set statement_timeout = ${statementTimeoutMs}`).catch(() => undefined);
      if (options.lockTimeoutMs !== undefined) await on.query(`set lock_timeout = ${lockTimeoutMs}`).catch(() => undefined);
    }
  }

  async function allowChange(): Promise<void> {
    if (request.readOnly)
      throw new Fatal('postgres.look-only', `A look tried to change the ${side}, database ${database}; nothing was changed.`);
    await request.guard?.();
  }

  async function change<T extends Row>(on: Client, text: string, values: readonly unknown[], options: StatementOptions): Promise<T[]> {
    await allowChange();
    warnings = [];
    const rows = await send<T>(on, text, values, options);
    const warned = warnings;
    // "no privileges were granted" and "skipping … only table owner can analyze it" are warnings: the statement succeeds and does nothing.
    if (warned.length > 0 && /^\s*(grant|revoke|analyze|vacuum|alter default privileges)\b/i.test(text))
      throw new NeedsHuman('postgres.only-warned', `The ${side}, database ${database}, only warned: ${warned.join('; ')} (${text}).`, {
        remedy: 'Give the bot’s user the right (membership in the owner’s role), then retry.',
      });
    return rows;
  }

  /** The same statements, on a session that is already held. */
  function held(on: Client): Sql {
    const say = <T>(work: Promise<T>) => work.catch((error: unknown) => Promise.reject(classified(error, where())));
    const sql: Sql = {
      side,
      database,
      look: (text, values = [], options = {}) => say(send(on, text, values, options)),
      change: (text, values = [], options = {}) => say(change(on, text, values, options)),
      transaction: (work) => work(sql),
      patched: (text) => say(allowChange().then(() => runPatched((statement) => on.query(statement), text, request.patchedRole))),
    };
    return sql;
  }

  function use<T>(work: (sql: Sql, on: Client) => Promise<T>): Promise<T> {
    return exclusively(async () => {
      try {
        const on = await connected();
        return await work(held(on), on);
      } catch (error) {
        throw classified(error, where());
      }
    });
  }

  return {
    side,
    database,
    look: (text, values, options) => use((sql) => sql.look(text, values, options)),
    change: (text, values, options) => use((sql) => sql.change(text, values, options)),
    patched: (text) => use((sql) => sql.patched(text)),
    transaction: (work) =>
      use(async (sql, on) => {
        await on.query('begin');
        try {
          const result = await work(sql);
          await on.query('commit');
          return result;
        } catch (error) {
          await on.query('rollback').catch(() => undefined);
          throw error;
        }
      }),
    connect: () => use(async (sql) => Number((await sql.look<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid)),
    connected: () => client !== undefined,
    rename: () =>
      exclusively(async () => {
        const on = client;
        const named = on?.query(`select set_config('application_name', $1, false)`, [request.applicationName]);
        // A session that died while nobody used it is connected anew at its next use.
        await named?.catch(() => {
          if (client === on) client = undefined;
        });
      }),
    end: async () => {
      ended = true;
      const last = client;
      client = undefined;
      if (last) await endClient(last);
    },
  };
}

const goodbyeWithinMs = 500;

/** Says goodbye, and hangs up on a server that does not answer any more: nobody may wait for that. */
export async function endClient(client: Client): Promise<void> {
  const timer = setTimeout(
    () => (Reflect.get(client, 'connection') as { stream?: { destroy(): void } }).stream?.destroy(),
    goodbyeWithinMs,
  );
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}

/** An abort must not leave a statement running: the server is asked to cancel it, and the socket is closed if that fails. */
async function cancelRunning(request: SessionRequest, on: Client): Promise<void> {
  const canceller = new Client({ ...(await request.config()), application_name: request.applicationName, connectionTimeoutMillis: 2_000 });
  canceller.on('error', () => undefined);
  try {
    await canceller.connect();
    // By its name too: a process that was frozen for long may hold the id of a session that is somebody else's by now.
    await canceller.query(`select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and application_name = $2`, [
      Reflect.get(on, 'processID'),
      request.applicationName,
    ]);
  } catch {
    await on.end().catch(() => undefined);
  } finally {
    await canceller.end().catch(() => undefined);
  }
}
