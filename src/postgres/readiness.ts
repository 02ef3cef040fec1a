import { NeedsHuman } from '../errors.ts';
import type { Grantee } from './grants.ts';
import { currentUser, standing } from './membership.ts';
import { describeMissing, rolesPlan } from './roles-migrator.ts';
import { neverAnalyzed } from './statistics.ts';
import type { Postgres } from './types.ts';

export interface ReadinessRequest {
  readonly postgres: Postgres;
  readonly databases: Readonly<Record<string, { readonly schemas: readonly string[]; readonly owner: string }>>;
  readonly users: readonly Grantee[];
  /** Users whose password the bot holds: they really log in. */
  readonly logins: readonly { readonly user: string; readonly password: string }[];
}

/** What stands in the way on the destination: users, logins, rights, statistics, the right to hand over. Sentences; empty: ready. */
export async function unreadiness(request: ReadinessRequest): Promise<readonly string[]> {
  const { postgres, databases, users } = request;
  const problems: string[] = [];
  for (const [database, { schemas, owner }] of Object.entries(databases)) {
    const sql = await postgres.database('destination', database);
    const rows = await sql.look<{ username: string; state: string | null }>(
      `select u.username, case when r.oid is null then 'does not exist' when not r.rolcanlogin then 'may not log in'
                               when not has_database_privilege(r.oid, current_database(), 'CONNECT') then 'may not connect' end as state
       from unnest($1::text[]) u (username) left join pg_roles r on r.rolname = u.username`,
      [users.map(({ username }) => username)],
    );
    const broken = rows.filter(({ state }) => state !== null);
    problems.push(...broken.map(({ username, state }) => `${username} ${state} (database ${database})`));
    if (broken.length === 0) {
      const { missing } = await rolesPlan(sql, users, schemas);
      if (missing.length > 0) problems.push(`rights are missing in database ${database}: ${describeMissing(missing)}`);
    }
    for (const { user, password } of request.logins) {
      const refusal = await loginProblem(postgres, database, user, password);
      if (refusal !== undefined) problems.push(`${user} cannot log in to database ${database}: ${refusal}`);
    }
    const bare = await neverAnalyzed(sql);
    if (bare.length > 0)
      problems.push(`${bare.length} tables of database ${database} have no statistics (${bare[0]?.schema}.${bare[0]?.name} …)`);
    for (const role of ['cloudsqlexternalsync', owner])
      if ((await standing(sql, role)) === 'out-of-reach')
        problems.push(`${await currentUser(sql)} may not act as ${role}: the ownership could not be handed over`);
  }
  return [...new Set(problems)];
}

async function loginProblem(postgres: Postgres, database: string, user: string, password: string): Promise<string | undefined> {
  try {
    await (await postgres.login('destination', database, user, password)).end();
    return undefined;
  } catch (error) {
    if (error instanceof NeedsHuman) return error.message;
    throw error;
  }
}
