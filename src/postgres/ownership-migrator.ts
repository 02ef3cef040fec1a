import { NeedsHuman } from '../errors.ts';
import { databaseOwner, roleExists } from './catalogue.ts';
import { openServer } from './dsn.ts';
import { identifier } from './identifiers.ts';
import { joinPlan, joinRoles, leaveRoles, type Membership } from './membership.ts';
import type { Sql } from './types.ts';

export interface Owned {
  readonly database: string;
  /** What still depends on the role: `owner`, or a privilege granted to it (`acl`, `initacl`, `policy`). */
  readonly kind: 'owner' | 'acl';
  /** `pg_class`, `pg_namespace`, `pg_database`, `pg_default_acl`, … */
  readonly catalogue: string;
  readonly count: number;
}

/** What still hangs on a role, in every database of the server at once (`pg_shdepend` is shared). Empty: the role can be dropped. */
export async function remainingOf(sql: Sql, role: string): Promise<readonly Owned[]> {
  const rows = await sql.look<Omit<Owned, 'count'> & { count: string }>(
    `select coalesce(d.datname, case when s.classid = 'pg_database'::regclass then (select datname from pg_database where oid = s.objid) end, '(shared)') as database,
            case s.deptype when 'o' then 'owner' else 'acl' end as kind,
            s.classid::regclass::text as catalogue, count(*) as count
       from pg_shdepend s left join pg_database d on d.oid = s.dbid
      where s.refclassid = 'pg_authid'::regclass and s.refobjid = (select oid from pg_roles where rolname = $1)
      group by 1, 2, 3 order by 1, 2, 3`,
    [role],
  );
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}

/** What a role owns; the rights that it was granted and the default privileges that it set do not count (REASSIGN leaves them). */
export async function ownedBy(sql: Sql, role: string): Promise<readonly Owned[]> {
  const remaining = await remainingOf(sql, role);
  return remaining.filter((entry) => entry.kind === 'owner' && entry.catalogue !== 'pg_default_acl');
}

/** "12 pg_class and 1 pg_namespace in inapp" */
export function describeOwned(owned: readonly Owned[]): string {
  const databases = [...new Set(owned.map((entry) => entry.database))];
  return databases
    .map((database) => {
      const parts = owned.filter((entry) => entry.database === database).map((entry) => `${entry.count} ${entry.catalogue}`);
      return `${parts.join(' and ')} in ${database}`;
    })
    .join(', ');
}

/**
 * The statements that hand everything of `from` in this database to `to`. The database and its schemas go first: for
 * functions the new owner needs CREATE on their schema. REASSIGN also moves shared objects, so every database is handed over by name.
 */
export async function reassignPlan(sql: Sql, from: string, to: string): Promise<readonly string[]> {
  const owner = await databaseOwner(sql);
  const owned = await sql.look<{ name: string }>(
    'select nspname as name from pg_namespace where nspowner = (select oid from pg_roles where rolname = $1) order by 1',
    [from],
  );
  const [here] = await sql.look<{ any: boolean }>(
    `select exists (select from pg_shdepend where deptype = 'o' and refclassid = 'pg_authid'::regclass and classid <> 'pg_default_acl'::regclass
       and dbid = (select oid from pg_database where datname = current_database()) and refobjid = (select oid from pg_roles where rolname = $1)) as any`,
    [from],
  );
  return [
    ...(owner === from ? [`alter database ${identifier(sql.database)} owner to ${identifier(to)}`] : []),
    ...owned.map((schema) => `alter schema ${identifier(schema.name)} owner to ${identifier(to)}`),
    ...(here?.any || owner === from ? [`reassign owned by ${identifier(from)} to ${identifier(to)}`] : []),
  ];
}

/** Runs `reassignPlan` in one transaction, as a member of both roles. Ownership that is left afterwards: NeedsHuman `postgres.still-owned`. */
export async function reassignOwned(
  sql: Sql,
  request: {
    readonly from: string;
    readonly to: string;
    readonly ledger: readonly Membership[];
    readonly record: (memberships: readonly Membership[]) => Promise<void>;
  },
): Promise<readonly Membership[]> {
  const { from, to } = request;
  const statements = await reassignPlan(sql, from, to);
  if (statements.length === 0) return request.ledger;
  const memberships = await joinRoles(sql, [from, to], request.ledger, request.record);
  await sql.transaction(async (inside) => {
    for (const statement of statements) await inside.change(statement);
  });
  const left = (await ownedBy(sql, from)).filter((entry) => entry.database === sql.database);
  if (left.length > 0)
    throw new NeedsHuman('postgres.still-owned', `${from} still owns ${describeOwned(left)}.`, {
      remedy: `Hand these objects to ${to} by ALTER … OWNER TO, then retry.`,
    });
  return memberships;
}

export interface OwnershipReport {
  readonly databases: readonly { readonly database: string; readonly statements: readonly string[] }[];
  /** What `from` still owns at the end (in a dry run: now). */
  readonly left: readonly Owned[];
}

/** The procedure's ownership migrator by itself: every database of the DSN's server. `dryRun` only tells the SQL. Memberships are taken back. */
export async function migrateOwnership(request: {
  readonly dsn: string;
  readonly from: string;
  readonly to: string;
  readonly dryRun: boolean;
}): Promise<OwnershipReport> {
  const { from, to } = request;
  const server = openServer({
    dsn: request.dsn,
    side: 'destination',
    applicationName: 'pgupgrade/migrate-ownership',
    readOnly: request.dryRun,
  });
  let joined: readonly Membership[] = [];
  const record = async (memberships: readonly Membership[]) => {
    joined = memberships;
  };
  try {
    const home = await server.database(server.named);
    for (const role of [from, to])
      if (!(await roleExists(home, role)))
        throw new NeedsHuman('postgres.role-missing', `There is no role ${role} on the server.`, {
          remedy: 'Look at its spelling, then retry.',
        });
    const databases: { database: string; statements: readonly string[] }[] = [];
    for (const name of await server.databases()) {
      const sql = await server.database(name);
      const statements = await reassignPlan(sql, from, to);
      if (statements.length === 0) continue;
      databases.push({ database: name, statements: [...(await joinPlan(sql, [from, to])), ...statements] });
      if (!request.dryRun) await reassignOwned(sql, { from, to, ledger: joined, record });
    }
    const report = { databases, left: await ownedBy(home, from) };
    return report;
  } finally {
    if (joined.length > 0) await leaveRoles(await server.database(server.named), joined);
    await server.close();
  }
}
