import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../errors.ts';
import { isUnreachable } from './reachable.ts';
import { openSession, type Session, verifyCa } from './session.ts';
import { endOlderSessions, ownerLock } from './take-over.ts';
import type { Address, Postgres, Side, Sql } from './types.ts';

export interface PostgresOptions {
  /** Where an instance is now; throws where it has no address (yet). */
  readonly addresses: (side: Side) => Promise<Address>;
  /** Of `user`; read from its secret at each connect, so that a rotated password is picked up. */
  readonly password: () => Promise<string>;
  /** Default `postgres`. */
  readonly user?: string;
  /** `pgupgrade/<run>/<step>/<token>` */
  readonly applicationName: string;
  /** Called before every change; throws where the lease is gone. */
  readonly guard: () => Promise<void>;
  /** A look: sessions are read-only and `change` is refused. */
  readonly readOnly?: boolean;
  readonly patchedRole?: string | undefined;
  readonly signal: AbortSignal;
}

/** Whose statements they are from now on. */
export type Binding = Pick<PostgresOptions, 'applicationName' | 'signal'>;

export interface PostgresConnections extends Postgres {
  /** Hands the open sessions to another execution of the same run; its `takeOver` comes next. */
  bind(execution: Binding): void;
  /**
   * Ends the sessions of earlier owners of the run and holds the run's advisory lock on the source from now on. `spare`: the
   * instance that this execution does without; it is not waited for when it does not answer.
   */
  takeOver(run: { readonly run: string; readonly uid: string }, token: number, spare?: Side): Promise<void>;
  /** Ends every session, those of `login` included. */
  close(): Promise<void>;
}

const spareAnswersWithinMs = 500;

/** The two servers for one execution of a step. One session per side and database, TLS with the instance's own CA. */
export function createPostgres(options: PostgresOptions): PostgresConnections {
  const user = options.user ?? 'postgres';
  const sessions = new Map<string, Session>();
  const logins = new Set<Session>();
  let now: Binding = options;
  let lock: ReturnType<typeof ownerLock> | undefined;

  function open(
    side: Side,
    database: string,
    as: { readonly user: string; readonly password: () => Promise<string> } | undefined,
  ): Session {
    return openSession({
      side,
      database,
      ...(as ? { user: as.user } : {}),
      get applicationName() {
        return now.applicationName;
      },
      get signal() {
        return now.signal;
      },
      guard: async () => {
        await options.guard();
        if (side === 'source') await lock?.hold();
      },
      readOnly: options.readOnly ?? false,
      patchedRole: options.patchedRole,
      config: async () => {
        const [address, password] = await Promise.all([options.addresses(side), (as?.password ?? options.password)()]);
        return { host: address.host, port: address.port, user: as?.user ?? user, password, database, ssl: verifyCa(address) };
      },
    });
  }

  async function database(side: Side, name: string): Promise<Sql> {
    const key = `${side}/${name}`;
    const session = sessions.get(key) ?? open(side, name, undefined);
    sessions.set(key, session);
    if (!session.connected()) await session.connect();
    return session;
  }

  /** Renamed first, or the take-over would end them as those of an older owner. */
  async function rename(): Promise<void> {
    await Promise.all([lock?.rename(), ...[...sessions.values()].map((session) => session.rename())]);
  }

  return {
    database,
    address: options.addresses,
    bind(execution) {
      now = execution;
    },
    async databases(side) {
      const sql = await database(side, 'postgres');
      const rows = await sql.look<{ datname: string }>(
        `select datname from pg_database where datallowconn and not datistemplate and datname <> 'cloudsqladmin' order by datname`,
      );
      return rows.map((row) => row.datname);
    },
    async login(side, name, as, password) {
      const session = open(side, name, { user: as, password: () => Promise.resolve(password) });
      logins.add(session);
      const end = async () => {
        logins.delete(session);
        await session.end();
      };
      try {
        await session.connect();
      } catch (error) {
        await end();
        throw error;
      }
      return { ...session, end };
    },
    async takeOver(run, token, spare) {
      const patiently = <T>(side: Side, work: Promise<T>) =>
        side === spare ? Promise.race([work, pause(spareAnswersWithinMs, undefined, { ref: false })]) : work;
      await rename();
      const ended = await Promise.allSettled(
        (['source', 'destination'] as const).map(async (side) => {
          try {
            const ending = database(side, 'postgres').then((sql) => endOlderSessions(sql, run.run, token));
            ending.catch(() => undefined);
            await patiently(side, ending);
          } catch (error) {
            // An instance that is adopted may have another password until create-destination sets it.
            const refused = side === 'destination' && error instanceof NeedsHuman && error.code === 'postgres.password-refused';
            if (!refused && !isUnreachable(error)) throw error;
          }
        }),
      );
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
      lock ??= ownerLock(open('source', 'postgres', undefined), run.uid);
      const held = lock.hold().catch((error: unknown) => {
        // It is taken with the first change on the source once that server answers.
        if (!isUnreachable(error)) throw error;
      });
      held.catch(() => undefined);
      await patiently('source', held);
    },
    async close() {
      await Promise.all([lock?.end(), ...[...sessions.values(), ...logins].map((session) => session.end())]);
      lock = undefined;
      sessions.clear();
      logins.clear();
    },
  };
}
