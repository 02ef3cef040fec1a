import type { Secrets } from './types.ts';

/** The users whose password is in a secret that exists, with it; read side by side. `names`: user → secret. */
export async function heldLogins(
  secrets: Pick<Secrets, 'latest'>,
  names: Readonly<Record<string, string>>,
  users: readonly { readonly username: string }[],
): Promise<readonly { readonly user: string; readonly password: string }[]> {
  const found = await Promise.all(
    users.map(async ({ username }) => {
      const name = names[username];
      return { user: username, password: name === undefined ? undefined : await secrets.latest(name) };
    }),
  );
  return found.flatMap(({ user, password }) => (password === undefined ? [] : [{ user, password }]));
}
