import { Fatal } from '../errors.ts';
import { identifier } from './identifiers.ts';

/** What Cloud SQL's `postgres` may run although it is no superuser. Nothing else gets this help. */
const allowed: readonly RegExp[] = [
  /^create extension (if not exists )?"?pglogical"?$/i,
  /^alter (role|user) ("(?:[^"]|"")+"|\w+) (with )?(no)?replication$/i,
  /^create publication .+ for all tables( with \(.+\))?$/is,
  /^drop publication .+$/i,
  /^create subscription .+$/is,
  /^alter subscription .+$/is,
  /^drop subscription .+$/i,
];

/**
 * Runs one of those statements. Cloud SQL's own PostgreSQL lets `postgres` run it as it stands; a plain PostgreSQL does
 * not, so the sandbox names a superuser role (CLOUDSQL_PATCHED_ROLE) that is set for this one statement.
 */
export async function runPatched(execute: (text: string) => Promise<unknown>, text: string, role: string | undefined): Promise<void> {
  const statement = text.trim().replace(/;$/, '');
  if (!allowed.some((pattern) => pattern.test(statement)))
    throw new Fatal(
      'postgres.not-patched',
      `"${statement.split(/\s+/, 3).join(' ')} …" is none of the statements that Cloud SQL opens to its user postgres.`,
    );
  if (role === undefined) {
    await execute(statement);
    return;
  }
  const handOver = handOverOf(statement, role);
  if (handOver) {
    // In one transaction: who dies between the two must not leave something that belongs to a role without a login.
    const steps = ['begin', `set local role ${identifier(role)}`, statement, handOver, 'commit'];
    try {
      for (const step of steps) await execute(step);
    } catch (error) {
      await execute('rollback');
      throw error;
    }
    return;
  }
  await execute(`set role ${identifier(role)}`);
  try {
    await execute(statement);
  } finally {
    await execute('reset role');
  }
}

/** What gives the bot's user that which the statement made, where it would be the owner on Cloud SQL. */
function handOverOf(statement: string, role: string): string | undefined {
  // On Cloud SQL the extension's schema can be granted on by `postgres`; the role owns nothing else, so this moves only what was just made.
  if (/^create extension/i.test(statement)) return `reassign owned by ${identifier(role)} to session_user`;
  return /^create subscription/i.test(statement) ? subscriptionToSessionUser : undefined;
}

/**
 * On Cloud SQL `postgres` owns the subscription and its rights count at the apply. A plain server up to 15 lets only superusers own
 * one, and the named role may not log in, so an apply worker of its own would never start: the catalogue is changed.
 */
const subscriptionToSessionUser = `with moved as (
    update pg_subscription set subowner = (select oid from pg_roles where rolname = session_user)
     where subowner = (select oid from pg_roles where rolname = current_user) returning oid)
  update pg_shdepend set refobjid = (select oid from pg_roles where rolname = session_user)
   where classid = 'pg_subscription'::regclass and deptype = 'o' and objid in (select oid from moved)`;
