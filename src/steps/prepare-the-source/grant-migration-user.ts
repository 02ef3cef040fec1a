import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { identifier } from '../../postgres/identifiers.ts';
import { leaveRoles, type Membership } from '../../postgres/membership.ts';
import {
  grantMigration,
  type MigrationScope,
  migrationGrants,
  migrationLacks,
  migrationUser,
  revokeMigration,
} from '../../postgres/migration-grants.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;

/** Default privileges are set FOR ROLE each owner: without it they cover only what the bot's own user creates. */
export const grantMigrationUser: Step<Needs> = {
  id: 'grant-migration-user',
  title: 'Grant the migration user what it reads',
  impact: 'none',
  copy: 'prepares',

  async check({ target, postgres }) {
    const plan: string[] = [];
    for (const [database, scope] of scopes(target)) {
      const sql = await postgres.database('source', database);
      if ((await migrationLacks(sql, scope)).length === 0) continue;
      const { patched, joins, plain } = await migrationGrants(sql, scope);
      plan.push(`-- database ${database}`, ...patched, ...joins, ...plain);
    }
    return plan.length > 0
      ? todo(plan)
      : done(
          `${migrationUser} can read every table and sequence of ${scopes(target)
            .map(([name]) => name)
            .join(', ')}`,
        );
  },

  async apply({ target, postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    const record = (all: readonly Membership[]) => run.record('memberships', all);
    for (const [database, scope] of scopes(target)) {
      const sql = await postgres.database('source', database);
      const { patched } = await migrationGrants(sql, scope);
      const made = run.recall<readonly string[]>('extension made in') ?? [];
      if (patched.some((statement) => statement.startsWith('create extension')) && !made.includes(database))
        await run.record('extension made in', [...made, database]);
      if (patched.some((statement) => statement.startsWith('alter user'))) await run.record('replication', 'granted');
      memberships = await grantMigration(sql, scope, memberships, record);
    }
  },

  async undo({ target, postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    const record = (all: readonly Membership[]) => run.record('memberships', all);
    for (const [database, scope] of scopes(target)) {
      const sql = await postgres.database('source', database);
      const dropExtension = (run.recall<readonly string[]>('extension made in') ?? []).includes(database);
      memberships = await revokeMigration(sql, scope, { dropExtension, ledger: memberships, record });
    }
    const home = await postgres.database('source', 'postgres');
    const [user] = await home.look<{ replication: boolean }>('select rolreplication as replication from pg_roles where rolname = $1', [
      migrationUser,
    ]);
    if (run.recall('replication') === 'granted' && user?.replication)
      await home.patched(`alter user ${identifier(migrationUser)} with noreplication`);
    await leaveRoles(home, memberships);
  },
};

/** Database Migration Service takes `postgres` too. */
function scopes(target: Clients['target']): readonly (readonly [string, MigrationScope])[] {
  const writers = target.databaseUsers.filter((user) => user.roleType === 'write').map((user) => user.username);
  const named = Object.entries(target.databases).map(
    ([database, { schemas, owner }]) => [database, { schemas, applicationUsers: [...new Set([owner, ...writers])] }] as const,
  );
  return [['postgres', { schemas: ['public'], applicationUsers: [] }], ...named];
}
