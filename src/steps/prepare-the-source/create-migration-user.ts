import { randomBytes } from 'node:crypto';
import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { grantScope } from '../../postgres/grants.ts';
import type { Membership } from '../../postgres/membership.ts';
import { removeUser } from '../../postgres/remove-user.ts';

type Needs = Pick<Clients, 'target' | 'cloudSql' | 'secrets' | 'postgres'>;
const users = ['migration', 'wayback'] as const;
type User = (typeof users)[number];
const timeoutMs = 5 * 60_000;

/** The password is in Secret Manager before its user exists, so that a crash between the two leaves no user with a lost password. */
export const createMigrationUser: Step<Needs> = {
  id: 'create-migration-user',
  title: 'Create the users of the migration and of the way back',
  impact: 'none',

  async check(clients) {
    const present = await presentUsers(clients);
    const plan: string[] = [];
    for (const user of users) {
      const secret = secretOf(clients, user);
      const password = await clients.secrets.latest(secret);
      if (password === undefined) plan.push(`generate a password, store it as secret ${secret}`);
      if (!present.has(user)) plan.push(`create user ${user} on ${clients.target.source} with the password in secret ${secret}`);
      else if (password === undefined || !(await fits(clients, user, password)))
        plan.push(`set the password of ${user} on ${clients.target.source} to the one in secret ${secret}`);
    }
    return plan.length > 0 ? todo(plan) : done(`${users.join(' and ')} are on ${clients.target.source} and log in with their secrets`);
  },

  async apply(clients, run) {
    const { target, cloudSql, secrets } = clients;
    const present = await presentUsers(clients);
    for (const user of users) {
      const secret = secretOf(clients, user);
      let password = await secrets.latest(secret);
      if (password === undefined) {
        await run.record(`secret of ${user}`, 'made');
        password = randomBytes(24).toString('base64url');
        await secrets.put(secret, password);
      }
      if (present.has(user) && (await fits(clients, user, password))) continue;
      if (!present.has(user)) await run.record(`user ${user}`, 'made');
      const operation = present.has(user)
        ? await cloudSql.setPassword(target.source, user, password)
        : await cloudSql.insertUser(target.source, { name: user, type: 'BUILT_IN', password });
      await cloudSql.wait(operation, { signal: run.signal, timeoutMs });
    }
  },

  async undo(clients, run) {
    const { target, postgres, cloudSql, secrets } = clients;
    const present = await presentUsers(clients);
    for (const user of users) {
      if (run.recall(`user ${user}`) === 'made' && present.has(user))
        await removeUser({
          postgres,
          side: 'source',
          user,
          instance: target.source,
          grantors: async (sql) => (await grantScope(sql)).grantors,
          ledger: run.recall<readonly Membership[]>('memberships') ?? [],
          record: (all) => run.record('memberships', all),
          deleteUser: async () => cloudSql.wait(await cloudSql.deleteUser(target.source, user), { signal: run.signal, timeoutMs }),
        });
      if (run.recall(`secret of ${user}`) === 'made' && (await secrets.latest(secretOf(clients, user))) !== undefined)
        await secrets.destroy(secretOf(clients, user));
    }
  },
};

function secretOf({ target }: Needs, user: User): string {
  return target.secrets[user] ?? `database-password-${target.service}-${user}`;
}

async function presentUsers({ target, cloudSql }: Needs): Promise<ReadonlySet<string>> {
  return new Set((await cloudSql.users(target.source)).map(({ name }) => name ?? ''));
}

async function fits({ postgres }: Needs, user: User, password: string): Promise<boolean> {
  try {
    await (await postgres.login('source', 'postgres', user, password)).end();
    return true;
  } catch (error) {
    if (error instanceof NeedsHuman && error.code === 'postgres.password-refused') return false;
    throw error;
  }
}
