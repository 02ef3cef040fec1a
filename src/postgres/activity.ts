import { sessionsOf } from './sessions.ts';
import type { Postgres, Side } from './types.ts';

export interface Activity {
  /** Sessions of `roles` on that side: role → count. */
  readonly sessions: Readonly<Record<string, number>>;
  /** Rows written to tables of the databases since the server's statistics began. */
  readonly written: number;
}

/** Who of the applications' roles is connected, and how much was written so far. */
export async function activityOf(
  postgres: Postgres,
  side: Side,
  roles: readonly string[],
  databases: readonly string[],
): Promise<Activity> {
  const sessions: Record<string, number> = {};
  for (const { role } of await sessionsOf(await postgres.database(side, 'postgres')))
    if (roles.includes(role)) sessions[role] = (sessions[role] ?? 0) + 1;
  let written = 0;
  for (const database of databases) {
    const sql = await postgres.database(side, database);
    const [row] = await sql.look<{ sum: number }>(
      'select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::float8 as sum from pg_stat_user_tables',
    );
    written += row?.sum ?? 0;
  }
  return { sessions, written };
}
