import { type FenceLedger, granteeSql } from './fence-ledger.ts';
import { identifier, literal } from './identifiers.ts';

/** What `unfence` does, as SQL for a person: run as the bot's user in database `postgres` of the source. Harmless where it was done already. */
export function unfenceSql({ bot, databases, roles, memberships }: FenceLedger, run: string): readonly string[] {
  const user = identifier(bot);
  const owners = databases.map(({ owner }) => owner);
  const grantors = databases.flatMap(({ grants }) => grants.map(({ grantor }) => grantor)).filter((role) => !owners.includes(role));
  // The owners that it could not act as the fence joined; of the others a membership is refused where it has no ADMIN, and not needed.
  const joining = [...new Set([...memberships, ...grantors])].filter((role) => role !== bot);
  return [
    ...roles.map((role) => `alter role ${identifier(role)} login;`),
    ...joining.map((role) => `grant ${identifier(role)} to ${user};`),
    ...databases.flatMap(({ name, owner, grants }) => {
      const database = identifier(name);
      const kept = grants.some(({ grantee }) => grantee === bot);
      return [
        ...grants.map(
          ({ grantor, grantee, grantable }) =>
            `set role ${identifier(grantor)}; grant connect on database ${database} to ${granteeSql(grantee)}${grantable ? ' with grant option' : ''}; reset role;`,
        ),
        // What the fence gave so as not to shut these out.
        ...['migration', 'wayback', ...(kept ? [] : [bot])]
          .filter((role) => !grants.some(({ grantee }) => grantee === role))
          .map((role) => `set role ${identifier(owner)}; revoke connect on database ${database} from ${identifier(role)}; reset role;`),
      ];
    }),
    ...memberships.map((role) => `revoke ${identifier(role)} from ${user};`),
    `update pgupgrade_ledger.fence set undone_at = now() where run = ${literal(run)};`,
  ];
}
