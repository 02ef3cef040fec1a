import { identifier } from './identifiers.ts';
import { ledgerHas, tidyLedger } from './ledger-schema.ts';
import type { Sql } from './types.ts';

/** One CONNECT in a database's ACL. `grantee` null: PUBLIC. */
export interface ConnectGrant {
  readonly grantor: string;
  readonly grantee: string | null;
  readonly grantable: boolean;
}
export interface FencedDatabase {
  readonly name: string;
  readonly owner: string;
  /** The ACL as it stood, for people; what is restored are the `grants`. */
  readonly acl: string | null;
  readonly grants: readonly ConnectGrant[];
}

/** What the fence changed and how it was before: all that giving the writes back needs. JSON, no secrets. */
export interface FenceLedger {
  /** The user that fenced, and that must give back. */
  readonly bot: string;
  readonly databases: readonly FencedDatabase[];
  /** Roles that could log in and may not while the fence stands. */
  readonly roles: readonly string[];
  /** Roles that the bot's user joined for the fence. */
  readonly memberships: readonly string[];
}

/** Databases that only Google may change: nobody but system roles gets in. */
export const untouchable: readonly string[] = ['cloudsqladmin', 'template0'];

/** Every database that can be connected to and whose owner is no superuser, with who may CONNECT and by whose grant. */
export async function connectGrants(sql: Sql): Promise<readonly FencedDatabase[]> {
  const rows = await sql.look<{ name: string; owner: string; acl: string | null; grants: ConnectGrant[] }>(
    `select d.datname as name, o.rolname as owner, d.datacl::text as acl,
            coalesce((select jsonb_agg(jsonb_build_object('grantor', pg_get_userbyid(a.grantor),
                        'grantee', case when a.grantee = 0 then null else pg_get_userbyid(a.grantee)::text end,
                        'grantable', a.is_grantable) order by a.grantor, a.grantee)
                      from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a where a.privilege_type = 'CONNECT'), '[]') as grants
     from pg_database d join pg_roles o on o.oid = d.datdba
     where d.datallowconn and not o.rolsuper and d.datname <> all ($1) order by d.datname`,
    [untouchable],
  );
  return rows;
}

/** What was recorded first stays: a second round must not take the fence's own state for the original. */
export function mergeLedger(before: FenceLedger | undefined, now: FenceLedger): FenceLedger {
  if (!before) return now;
  const known = new Set(before.databases.map(({ name }) => name));
  return {
    bot: before.bot,
    databases: [...before.databases, ...now.databases.filter(({ name }) => !known.has(name))],
    roles: [...new Set([...before.roles, ...now.roles])],
    memberships: [...new Set([...before.memberships, ...now.memberships])],
  };
}

/**
 * Keeps the ledger on the fenced server too, in database `postgres`, so that the writes can be given back with Redis
 * gone. The schema is not in the service's databases: it is neither replicated nor validated.
 */
export async function mirrorLedger(sql: Sql, run: string, ledger: FenceLedger): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.change('create schema if not exists pgupgrade_ledger');
    await tx.change(
      `create table if not exists pgupgrade_ledger.fence
         (run text primary key, ledger jsonb not null, fenced_at timestamptz not null default now(), undone_at timestamptz, final_at timestamptz)`,
    );
    await tx.change(
      `insert into pgupgrade_ledger.fence (run, ledger) values ($1, $2)
       on conflict (run) do update set ledger = excluded.ledger, fenced_at = now(), undone_at = null`,
      [run, JSON.stringify(ledger)],
    );
  });
}

/** A fence that stands, as mirrored on its server. */
export interface StandingFence {
  readonly run: string;
  readonly ledger: FenceLedger;
  readonly at: Date;
  /** It is never to be taken down again: the other instance was opened, or is about to be. */
  readonly final: boolean;
}

/** The ledgers of fences that stand, newest first, as mirrored on that server (a session in database `postgres`). */
export async function standingFences(sql: Sql): Promise<readonly StandingFence[]> {
  if (!(await ledgerHas(sql, 'fence'))) return [];
  // By way of JSON: an older version of the bot made the table without that column.
  return sql.look<{ run: string; ledger: FenceLedger; at: Date; final: boolean }>(
    `select run, ledger, fenced_at as at, to_jsonb(f) ->> 'final_at' is not null as final
     from pgupgrade_ledger.fence f where undone_at is null order by fenced_at desc`,
  );
}

/**
 * Said on the closed server before the other one is opened: whoever wants to give its writes back need not ask that other one,
 * which may not answer.
 */
export async function markFinal(sql: Sql, run: string): Promise<void> {
  if (!(await ledgerHas(sql, 'fence'))) return;
  await sql.change('alter table pgupgrade_ledger.fence add column if not exists final_at timestamptz');
  await sql.change('update pgupgrade_ledger.fence set final_at = now() where run = $1 and final_at is null', [run]);
}

/** Marks the mirrored ledger of `run` as undone; with nothing else to give back nothing is left behind. */
export async function closeMirror(sql: Sql, run: string): Promise<void> {
  if (!(await ledgerHas(sql, 'fence'))) return;
  await sql.change('update pgupgrade_ledger.fence set undone_at = now() where run = $1 and undone_at is null', [run]);
  await tidyLedger(sql);
}

/** `public` or the quoted name, as GRANT and REVOKE take it. */
export function granteeSql(grantee: string | null): string {
  return grantee === null ? 'public' : identifier(grantee);
}

/** The same grants, whatever their order. */
export function sameGrants(left: readonly ConnectGrant[], right: readonly ConnectGrant[]): boolean {
  const text = (grants: readonly ConnectGrant[]) =>
    grants
      .map(({ grantor, grantee, grantable }) => JSON.stringify([grantor, grantee, grantable]))
      .sort()
      .join();
  return text(left) === text(right);
}
