import type { Client } from 'pg';
import { classified } from '../postgres/errors.ts';
import type { Side } from '../postgres/types.ts';
import type { ConnectionFactory } from './types.ts';

/** One read-only session with the settings under which both servers print and hash a value alike. */
export interface Session {
  readonly side: Side;
  readonly database: string;
  /** Major version, e.g. 15. */
  readonly version: number;
  readonly pid: number;
  /** Rows as objects. */
  query<T extends Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<T[]>;
  /** Rows as arrays of text: every output column must be text. */
  texts(text: string, values?: readonly unknown[]): Promise<(string | null)[][]>;
  /** For the statements that follow. */
  limit(milliseconds: number): Promise<void>;
  end(): Promise<void>;
  /** Instead of its end: leaves it to the next who opens one like it, if the factory keeps such. */
  keep(): Promise<void>;
}

const applicationName = 'pgupgrade-validate';
const lockTimeoutMs = 2_000;

/**
 * Measured on a table of all types, 13 to 18: with these settings the text of every value is byte-identical. enable_sort:
 * the planner takes a bucket expression for unique and would sort whole rows. row_security off: a policy then is an error
 * and not a silent filter.
 */
const canonical = `
  set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1;
  set bytea_output = 'hex'; set lc_monetary = 'C'; set search_path = pg_catalog; set quote_all_identifiers = off; set xmloption = content;
  set client_encoding = 'UTF8'; set jit = off; set row_security = off; set default_transaction_read_only = on; set work_mem = '64MB'; set enable_sort = off;
  set max_parallel_workers_per_gather = 0; set lock_timeout = ${lockTimeoutMs}; set idle_in_transaction_session_timeout = 60000`;

/** What is known of the sessions that are ready, so that one that was kept is not asked again. */
const ready = new WeakMap<Client, { readonly version: number; readonly pid: number }>();

export async function openSession(factory: ConnectionFactory, side: Side, database: string, signal: AbortSignal): Promise<Session> {
  const said = (error: unknown) => classified(error, { side, database, aborted: signal.aborted });
  const client: Client = await factory.open(database, applicationName).catch((error: unknown) => {
    throw said(error);
  });
  // Without a listener a lost connection would end the process; the running query rejects anyway.
  client.on('error', () => undefined);
  let limitMs = 0;
  let kept = false;
  const send = <T>(work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    return work().catch((error: unknown) => {
      throw said(error);
    });
  };
  try {
    const { version, pid } = ready.get(client) ?? (await send(() => prepare(client)));
    return {
      side,
      database,
      version,
      pid,
      query: (text, values = []) => send(async () => (await client.query(text, [...values])).rows),
      texts: (text, values = []) => send(async () => (await client.query({ text, values: [...values], rowMode: 'array' })).rows),
      limit: async (milliseconds) => {
        if (milliseconds === limitMs) return;
        await send(() => client.query(`set statement_timeout = ${Math.ceil(milliseconds)}`));
        limitMs = milliseconds;
      },
      end: async () => {
        if (!kept) await client.end().catch(() => undefined);
      },
      keep: async () => {
        if (!factory.keep) return;
        if (limitMs > 0) await send(() => client.query('reset statement_timeout'));
        kept = true;
        factory.keep(client, database, applicationName);
      },
    };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

async function prepare(client: Client): Promise<{ readonly version: number; readonly pid: number }> {
  await client.query(canonical);
  const about = await client.query<{ version: number; pid: number }>(
    `select current_setting('server_version_num')::int / 10000 as version, pg_backend_pid() as pid`,
  );
  const known = about.rows[0] ?? { version: 0, pid: 0 };
  ready.set(client, known);
  return known;
}
