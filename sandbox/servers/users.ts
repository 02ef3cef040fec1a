import { type Client, escapeIdentifier, escapeLiteral } from 'pg';
import { iamToken } from './roles.ts';

export interface NewUser {
  readonly name: string;
  readonly type: 'BUILT_IN' | 'IAM';
  readonly password?: string;
}

/** As users.insert makes them: built-in users are members of cloudsqlsuperuser, IAM users are not. */
export async function createUser(client: Client, version: number, user: NewUser): Promise<void> {
  const name = escapeIdentifier(user.name);
  const group =
    user.type === 'BUILT_IN' ? 'cloudsqlsuperuser' : user.name.endsWith('.iam') ? 'cloudsqliamserviceaccount' : 'cloudsqliamuser';
  const password = user.type === 'IAM' ? iamToken : user.password;
  await client.query('begin');
  await client.query(
    `create role ${name} login ${user.type === 'BUILT_IN' ? 'createrole createdb ' : ''}${password === undefined ? '' : `password ${escapeLiteral(password)}`}`,
  );
  await client.query(`grant ${group} to ${name}`);
  // From 16 on CREATEROLE alone gives no power over a role that somebody else made.
  if (version >= 16) await client.query(`grant ${name} to postgres with admin true, inherit false, set false`);
  await client.query('commit');
}

export async function setPassword(client: Client, name: string, password: string): Promise<void> {
  await client.query(`alter role ${escapeIdentifier(name)} password ${escapeLiteral(password)}`);
}

/** Fails while the role owns something or holds rights, as users.delete does. */
export async function dropUser(client: Client, name: string): Promise<void> {
  await client.query(`drop role ${escapeIdentifier(name)}`);
}
