import { databaseOwner } from '../catalogue.ts';
import { standing } from '../membership.ts';
import { systemRoles } from '../sessions.ts';
import type { Sql } from '../types.ts';
import type { Finding } from './finding.ts';

/** May the bot's user do what the later steps need on this server: look, make users, end sessions, fence everybody? */
export async function serverRights(sql: Sql): Promise<readonly Finding[]> {
  const [me] = await sql.look<{ name: string; super: boolean; createrole: boolean; monitor: boolean; signal: boolean }>(
    `select rolname as name, rolsuper as super, rolcreaterole as createrole, pg_has_role(oid, 'pg_monitor', 'USAGE') as monitor,
            pg_has_role(oid, 'pg_signal_backend', 'USAGE') as signal from pg_roles where rolname = current_user`,
  );
  if (!me) return [];
  const findings: Finding[] = [];
  const lack = (code: string, message: string, remedy: string) =>
    findings.push({ severity: 'blocks', code, object: me.name, message, remedy });
  if (!me.createrole && !me.super)
    lack(
      'rights.createrole',
      `${me.name} may not create roles or grant itself an owner's role.`,
      `ALTER ROLE ${me.name} CREATEROLE, or let the bot use the user postgres.`,
    );
  if (!me.monitor && !me.super)
    lack('rights.monitor', `${me.name} is no member of pg_monitor and cannot see other sessions.`, `GRANT pg_monitor TO ${me.name}.`);
  if (!me.signal && !me.super)
    lack(
      'rights.signal',
      `${me.name} is no member of pg_signal_backend and cannot end sessions.`,
      `GRANT pg_signal_backend TO ${me.name}.`,
    );
  return [...findings, ...(await unfenceable(sql))];
}

/** The fence revokes CONNECT; a superuser connects all the same, and its sessions cannot be ended. The server's own are known; oid 10 is the one of initdb. */
async function unfenceable(sql: Sql): Promise<readonly Finding[]> {
  const rows = await sql.look<{ role: string; why: string }>(
    `select rolname as role, 'is a superuser' as why from pg_roles
      where rolsuper and rolcanlogin and rolname <> current_user and rolname <> all($1::text[]) and oid <> 10`,
    [systemRoles],
  );
  return rows.map(({ role, why }) => ({
    severity: 'blocks' as const,
    code: 'rights.cannot-fence',
    object: role,
    message: `${role} ${why}; no write stop can hold it.`,
    remedy: 'ALTER ROLE … NOSUPERUSER, or NOLOGIN until the migration is over.',
  }));
}

/** May the bot act as this database's owner (CONNECT is revoked as the owner) and undo grants that somebody else made? */
export async function databaseRights(sql: Sql, owners: readonly string[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const owner = await databaseOwner(sql);
  const reach = await standing(sql, owner);
  if (reach === 'out-of-reach')
    findings.push({
      severity: 'blocks',
      code: 'rights.cannot-fence',
      database: sql.database,
      object: owner,
      message: `The bot's user cannot become a member of ${owner}, who owns database ${sql.database}; only the owner can take CONNECT away.`,
      remedy: `As a user with ADMIN on ${owner}: GRANT it to the bot's user.`,
    });
  for (const role of owners.filter((name) => name !== owner)) findings.push(...ownerFinding(sql, role, await standing(sql, role)));
  if (owners.includes(owner) && reach !== 'out-of-reach') findings.push(...ownerFinding(sql, owner, reach));
  const grants = await sql.look<{ grantee: string; grantor: string }>(
    `select distinct coalesce(g.rolname, 'PUBLIC') as grantee, o.rolname as grantor
       from pg_database d, aclexplode(d.datacl) a left join pg_roles g on g.oid = a.grantee join pg_roles o on o.oid = a.grantor
      where d.datname = current_database() and a.privilege_type = 'CONNECT' and a.grantor <> d.datdba and not o.rolsuper and a.grantee <> d.datdba
        and not pg_has_role(current_user, a.grantor, 'USAGE') and not (current_setting('server_version_num')::int < 160000 and exists (select from pg_roles where rolname = current_user and rolcreaterole))`,
  );
  for (const { grantee, grantor } of grants)
    findings.push({
      severity: 'blocks',
      code: 'rights.cannot-fence',
      database: sql.database,
      object: grantee,
      message: `CONNECT on database ${sql.database} was granted to ${grantee} by ${grantor}, not by the owner; the bot cannot take it away.`,
      remedy: `As ${grantor}: REVOKE CONNECT ON DATABASE … FROM ${grantee}; then grant it again as the owner.`,
    });
  return findings;
}

function ownerFinding(sql: Sql, role: string, reach: 'usable' | 'joinable' | 'out-of-reach'): readonly Finding[] {
  if (reach === 'usable') return [];
  const joinable = reach === 'joinable';
  return [
    {
      severity: joinable ? 'handled' : 'blocks',
      code: 'rights.owner',
      database: sql.database,
      object: role,
      message: `${role} owns objects of database ${sql.database} and the bot's user is no member of it; only owners can grant on them.`,
      ...(joinable ? { handledBy: 'grant-migration-user' } : {}),
      remedy: joinable
        ? 'A membership is granted for the time of the migration.'
        : `As a user with ADMIN on ${role}: GRANT it to the bot's user.`,
    },
  ];
}
