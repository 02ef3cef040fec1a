import { z } from 'zod';
import { Refused } from '../errors.ts';

const Grantees = z.array(z.object({ username: z.string().min(1), roleType: z.enum(['read', 'write']) })).min(1);

/** `[{"username": …, "roleType": "read"|"write"}]`, the procedure's ROLES_MIGRATOR_USERS. Refused `arguments.invalid` with what is wrong. */
export function parseGrantees(text: string | undefined): z.infer<typeof Grantees> {
  if (text === undefined) throw new Refused('arguments.invalid', '--users is missing, and ROLES_MIGRATOR_USERS is not set.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused('arguments.invalid', '--users is no JSON; write [{"username": "…", "roleType": "read"}].');
  }
  const parsed = Grantees.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Refused(
    'arguments.invalid',
    `--users: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}.`,
  );
}
