import { randomBytes } from 'node:crypto';
import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import type { SqlUser } from '../../gcp/types.ts';

type Needs = Pick<Clients, 'target' | 'cloudSql' | 'secrets' | 'postgres'>;
interface Wanted {
  readonly username: string;
  readonly type: 'iam' | 'built-in';
  /** Name of the secret that holds its password; IAM users have none. */
  readonly secret: string | undefined;
  readonly generate: boolean;
}
const minutes = 60_000;

/** Database Migration Service carries no users: the applications' IAM users, the built-in ones and the way back's are made here. */
export const createDestinationUsers: Step<Needs> = {
  id: 'create-destination-users',
  title: 'Create the users on the destination',
  impact: 'none',

  async check(clients, run) {
    const { target, cloudSql } = clients;
    const present = new Set((await cloudSql.users(target.destination)).map(({ name }) => name));
    const plan: string[] = [];
    for (const wanted of wantedUsers(clients)) {
      if (!present.has(wanted.username))
        plan.push(`create ${wanted.type} user ${wanted.username} on ${target.destination}${passwordWords(wanted, run)}`);
      else if (wanted.secret !== undefined && !(await passwordFits(clients, wanted)))
        plan.push(`set the password of ${wanted.username} on ${target.destination}${passwordWords(wanted, run)}`);
    }
    return plan.length > 0
      ? todo(plan)
      : done(
          `${wantedUsers(clients)
            .map(({ username }) => username)
            .join(', ')} are on ${target.destination}`,
        );
  },

  async apply(clients, run) {
    const { target, cloudSql } = clients;
    const present = new Set((await cloudSql.users(target.destination)).map(({ name }) => name));
    await run.record('made', [
      ...(run.recall<readonly string[]>('made') ?? []),
      ...wantedUsers(clients)
        .map(({ username }) => username)
        .filter((name) => !present.has(name)),
    ]);
    for (const wanted of wantedUsers(clients)) {
      if (present.has(wanted.username) && (wanted.secret === undefined || (await passwordFits(clients, wanted)))) continue;
      const password = await passwordOf(clients, wanted, run);
      const operation =
        present.has(wanted.username) && password !== undefined
          ? await cloudSql.setPassword(target.destination, wanted.username, password)
          : await cloudSql.insertUser(target.destination, userBody(wanted, password));
      await cloudSql.wait(operation, { signal: run.signal, timeoutMs: 5 * minutes });
    }
  },

  async undo({ target, cloudSql }, run) {
    // After a rollback the promoted instance is closed and goes as a whole.
    if (run.leg === 'rollback' || !(await cloudSql.instance(target.destination))) return;
    const present = new Set((await cloudSql.users(target.destination)).map(({ name }) => name));
    for (const name of run.recall<readonly string[]>('made') ?? [])
      if (present.has(name))
        await cloudSql.wait(await cloudSql.deleteUser(target.destination, name), { signal: run.signal, timeoutMs: 5 * minutes });
  },
};

function wantedUsers({ target }: Needs): readonly Wanted[] {
  const users = target.databaseUsers.map(({ username, type, password }) => ({
    username,
    type,
    secret: type === 'built-in' ? target.secrets[username] : undefined,
    generate: type === 'built-in' && password === 'generate',
  }));
  return [...users, { username: 'wayback', type: 'built-in', secret: target.secrets['wayback'], generate: false }];
}

function passwordWords({ secret, generate }: Wanted, run: RunView): string {
  if (secret === undefined) return '';
  return generate && run.recall(`generated ${secret}`) !== true
    ? `, with a new password that becomes a version of secret ${secret}`
    : `, with the password in secret ${secret}`;
}

function userBody({ username, type }: Wanted, password: string | undefined): SqlUser {
  return type === 'iam'
    ? { name: username, type: 'CLOUD_IAM_SERVICE_ACCOUNT' }
    : { name: username, type: 'BUILT_IN', password: password ?? null };
}

async function passwordOf({ secrets }: Needs, { username, secret, generate }: Wanted, run: RunView): Promise<string | undefined> {
  if (secret === undefined) return undefined;
  if (generate && run.recall(`generated ${secret}`) !== true) {
    await secrets.put(secret, randomBytes(24).toString('base64url'));
    await run.record(`generated ${secret}`, true);
  }
  const password = await secrets.latest(secret);
  if (password === undefined)
    throw new NeedsHuman('secret.missing', `Secret ${secret} with the password of ${username} does not exist or is empty.`, {
      remedy: 'Add a version to it, then press Retry.',
    });
  return password;
}

async function passwordFits({ postgres, secrets }: Needs, { username, secret }: Wanted): Promise<boolean> {
  const password = secret === undefined ? undefined : await secrets.latest(secret);
  if (password === undefined) return false;
  try {
    await (await postgres.login('destination', 'postgres', username, password)).end();
    return true;
  } catch (error) {
    if (error instanceof NeedsHuman && error.code === 'postgres.password-refused') return false;
    throw error;
  }
}
