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
  const [seen, sums] = await Promise.all([
    postgres.database(side, 'postgres').then(sessionsOf),
    Promise.all(
      databases.map(async (database) => {
        const sql = await postgres.database(side, database);
        const [row] = await sql.look<{ sum: number }>(
          'select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::float8 as sum from pg_stat_user_tables',
        );
        return row?.sum ?? 0;
      }),
    ),
  ]);
  for (const { role } of seen) if (roles.includes(role)) sessions[role] = (sessions[role] ?? 0) + 1;
  return { sessions, written: sums.reduce((sum, one) => sum + one, 0) };
}
