import type { ClientConfig } from 'pg';
import { Refused } from '../errors.ts';
import { openSession, type Session } from './session.ts';
import type { Side } from './types.ts';

export interface DsnRequest {
  /** `postgresql://user@host:port/database?sslmode=…`; a password may also come from PGPASSWORD, as `pg` reads it. */
  readonly dsn: string;
  readonly side: Side;
  readonly applicationName: string;
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal;
}
export interface Server {
  database(name: string): Promise<Session>;
  /** The one that the DSN names; `postgres` where it names none. */
  readonly named: string;
  databases(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Every database of the server that a DSN names, one session each; for the tools that work without a run. */
export function openServer(request: DsnRequest): Server {
  const url = parse(request.dsn);
  const named = decodeURIComponent(url.pathname.slice(1)) || 'postgres';
  const sessions = new Map<string, Session>();
  async function database(name: string): Promise<Session> {
    const session =
      sessions.get(name) ??
      openSession({
        side: request.side,
        database: name,
        applicationName: request.applicationName,
        readOnly: request.readOnly ?? false,
        ...(request.signal ? { signal: request.signal } : {}),
        config: () => Promise.resolve(configFor(url, name)),
      });
    sessions.set(name, session);
    await session.connect();
    return session;
  }
  return {
    database,
    named,
    async databases() {
      const rows = await (await database(named)).look<{ datname: string }>(
        `select datname from pg_database where datallowconn and not datistemplate and datname <> 'cloudsqladmin' order by datname`,
      );
      return rows.map((row) => row.datname);
    },
    async close() {
      await Promise.all([...sessions.values()].map((session) => session.end()));
      sessions.clear();
    },
  };
}

function parse(dsn: string): URL {
  if (!/^postgres(ql)?:\/\//.test(dsn) || !URL.canParse(dsn))
    throw new Refused('postgres.dsn', 'The DSN must be a URL: postgresql://user:password@host:port/database?sslmode=…');
  return new URL(dsn);
}

function configFor(url: URL, database: string): ClientConfig {
  const other = new URL(url);
  other.pathname = `/${encodeURIComponent(database)}`;
  // As libpq means it: `require` encrypts without checking, `verify-ca` checks the chain and not the name.
  if (other.searchParams.has('sslmode') && !other.searchParams.has('uselibpqcompat')) other.searchParams.set('uselibpqcompat', 'true');
  return { connectionString: other.href };
}
