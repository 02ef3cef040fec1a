import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { type AddedKey, addedKeyState, dropAddedKeySql } from '../../postgres/added-key.ts';
import { roleExists, tables } from '../../postgres/catalogue.ts';
import { identifier } from '../../postgres/identifiers.ts';
import { isHeld, joinRoles, leaveRoles, type Membership } from '../../postgres/membership.ts';
import { removeUser } from '../../postgres/remove-user.ts';
import type { Side } from '../../postgres/types.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'secrets'>;
interface Leftover {
  readonly what: string;
  remove(): Promise<void>;
}

/** Steps of the upgrade that let the bot's user act for an owner on the old instance. Rights that they gave can only be taken back by it. */
const membershipSteps = ['grant-migration-user', 'drop-deferrable-constraints', 'add-missing-primary-keys'];

/** What only the migration and the way back needed, on both instances: users, rights, pglogical, columns, secrets. */
export const removeMigrationUsers: Step<Needs> = {
  id: 'remove-migration-users',
  title: 'Remove the users of migration and way back, and pglogical',
  impact: 'none',

  async check(clients, run) {
    const left = await leftovers(clients, run);
    return left.length > 0 ? todo(left.map(({ what }) => what)) : done('nothing of the migration is left on either instance');
  },

  async apply(clients, run) {
    for (const leftover of await leftovers(clients, run)) await leftover.remove();
  },

  undo: { irreversible: 'without the way back these users have nothing to do' },
};

/** In the order in which they can go: rights before their user, the user before its password, the bot's own memberships last. */
async function leftovers(clients: Needs, run: RunView): Promise<readonly Leftover[]> {
  const { target, postgres, cloudSql, secrets } = clients;
  const left: Leftover[] = [];
  for (const key of (run.recall<readonly AddedKey[]>('added', 'add-missing-primary-keys') ?? []).filter(
    ({ onDestination }) => onDestination === 'restore',
  )) {
    const sql = await postgres.database('destination', key.database);
    if ((await addedKeyState(sql, key)) === 'present')
      left.push({
        what: `${target.destination}, database ${key.database}: ${dropAddedKeySql(key)}`,
        remove: () => asMember(clients, run, 'destination', key.database, [key], async () => void (await sql.change(dropAddedKeySql(key)))),
      });
  }
  for (const database of await postgres.databases('source')) {
    const sql = await postgres.database('source', database);
    const [extension] = await sql.look(`select 1 from pg_extension where extname = 'pglogical'`);
    if (extension)
      left.push({
        what: `${target.source}, database ${database}: drop extension pglogical cascade`,
        remove: async () => void (await sql.change('drop extension pglogical cascade')),
      });
  }
  for (const [side, user] of [
    ['source', 'migration'],
    ['source', 'wayback'],
    ['destination', 'wayback'],
  ] as const) {
    const home = await postgres.database(side, 'postgres');
    if (await roleExists(home, user))
      left.push({
        what: `${target[side]}: revoke everything from ${user} and delete the user`,
        remove: () =>
          removeUser({
            postgres,
            side,
            user,
            instance: target[side],
            ledger: run.recall<readonly Membership[]>('memberships') ?? [],
            record: (all) => run.record('memberships', all),
            deleteUser: async () =>
              cloudSql.wait(await cloudSql.deleteUser(target[side], user), { signal: run.signal, timeoutMs: 5 * 60_000 }),
          }),
      });
  }
  for (const user of ['migration', 'wayback']) {
    const secret = target.secrets[user] ?? '';
    const made = run.recall(`secret of ${user}`, 'create-migration-user') === 'made';
    if (made && (await secrets.latest(secret)) !== undefined)
      left.push({ what: `delete secret ${secret}`, remove: () => secrets.destroy(secret) });
  }
  const home = await postgres.database('source', 'postgres');
  for (const one of membershipSteps.flatMap((step) => run.recall<readonly Membership[]>('memberships', step) ?? []))
    if (await isHeld(home, one))
      left.push({
        what: `${target.source}: revoke ${identifier(one.role)} from ${identifier(one.member)}`,
        remove: () => leaveRoles(home, [one]),
      });
  return left;
}

/** As a member of the owners of those tables. */
async function asMember(
  { postgres }: Needs,
  run: RunView,
  side: Side,
  database: string,
  keys: readonly Pick<AddedKey, 'schema' | 'table'>[],
  work: () => Promise<void>,
): Promise<void> {
  const sql = await postgres.database(side, database);
  const owners: string[] = [];
  for (const { schema, table } of keys)
    owners.push(...(await tables(sql, [schema])).flatMap(({ name, owner }) => (name === table ? [owner] : [])));
  const memberships = await joinRoles(sql, owners, run.recall<readonly Membership[]>('memberships') ?? [], (all) =>
    run.record('memberships', all),
  );
  try {
    await work();
  } finally {
    await leaveRoles(sql, memberships);
  }
}
