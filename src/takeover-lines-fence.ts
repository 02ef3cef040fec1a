import type { Target } from './config/schema.ts';
import { type FenceLedger, granteeSql } from './postgres/fence-ledger.ts';
import { identifier } from './postgres/identifiers.ts';

interface Closed {
  readonly name: string;
  readonly owner: string;
  readonly grantees: readonly (string | null)[];
}

/**
 * What the fence does, as SQL for a person in database `postgres`. From the ledger where there is one; else what the service file
 * names, and first a look at what stands, because nothing else would tell how to give back. Each may be run twice.
 */
export function fenceSql(target: Target, ledger: FenceLedger | undefined, keep: readonly string[]): readonly string[] {
  const bot = ledger?.bot ?? 'postgres';
  const stay = [bot, ...keep];
  const shut = (role: string) => !stay.includes(role);
  const users = target.databaseUsers.map(({ username }) => username);
  const databases: readonly Closed[] = ledger
    ? ledger.databases.map(({ name, owner, grants }) => ({ name, owner, grantees: grants.map(({ grantee }) => grantee) }))
    : Object.entries(target.databases).map(([name, { owner }]) => ({ name, owner, grantees: users }));
  const owners = [...new Set(databases.map(({ owner }) => owner))].filter((owner) => owner !== bot);
  const roles = ledger?.roles ?? [...new Set([...users, ...owners])].filter(shut);
  return [
    ...(ledger
      ? []
      : [
          'select datname, pg_get_userbyid(datdba) as owner, datacl from pg_database',
          'select rolname from pg_roles where rolcanlogin order by 1',
        ]),
    // As whom it could act already was no matter of the fence, and granting it may be refused.
    ...(ledger?.memberships ?? owners).map((owner) => `grant ${identifier(owner)} to ${identifier(bot)}`),
    ...databases.flatMap(({ name, owner, grantees }) => {
      const as = (change: string) => `set role ${identifier(owner)}; ${change}; reset role`;
      const gone = [...new Set([null, owner, ...grantees])].filter((grantee) => grantee === null || shut(grantee));
      return [
        // One by one: a role that is not there must not keep the bot's user from getting its right before PUBLIC loses it.
        ...stay.map((role) => as(`grant connect on database ${identifier(name)} to ${identifier(role)}`)),
        as(`revoke connect on database ${identifier(name)} from ${gone.map(granteeSql).join(', ')} cascade`),
      ];
    }),
    ...roles.map((role) => `alter role ${identifier(role)} nologin`),
    `select pg_terminate_backend(pid) from pg_stat_activity where usename not in (${stay.map((role) => `'${role.replaceAll("'", "''")}'`).join(', ')}) and usename !~ '^cloudsql' and pid <> pg_backend_pid()`,
  ];
}
