import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { constraint, deferrableConstraints, tables } from '../../postgres/catalogue.ts';
import { identifier, qualified } from '../../postgres/identifiers.ts';
import { joinPlan, joinRoles, leaveRoles, type Membership } from '../../postgres/membership.ts';
import type { DroppedConstraint } from '../../postgres/restore-constraint.ts';
import { restoreShowingRows } from '../../validator/duplicate-rows.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;

/** pglogical cannot apply changes to a table with a deferrable index; `restore-constraints` gives them back on the destination. */
export const dropDeferrableConstraints: Step<Needs> = {
  id: 'drop-deferrable-constraints',
  title: 'Drop the constraints that pglogical cannot replicate',
  impact: 'none',
  copy: 'prepares',

  async check(clients, run) {
    const { postgres } = clients;
    const found = await presentConstraints(postgres);
    const gone = await droppedByHand(clients, run);
    if (found.length === 0 && gone.length === 0) {
      const ledger = ledgerOf(run);
      return done(`no deferrable constraint is left on the source${ledger.length > 0 ? `; ${ledger.length} in the ledger` : ''}`);
    }
    const plan = gone.map(
      ({ database, schema, table, name, definition }) =>
        `-- database ${database}: ${name} is not on ${schema}.${table}, somebody dropped it before; the new instance gets it by the service file: ${definition}`,
    );
    for (const entry of found) {
      plan.push(...(await joinPlan(await postgres.database('source', entry.database), [entry.owner])));
      plan.push(`${dropSql(entry)} -- database ${entry.database}: ${entry.definition}`);
    }
    return todo([...new Set(plan)]);
  },

  async apply(clients, run) {
    const { postgres } = clients;
    const gone = await droppedByHand(clients, run);
    if (gone.length > 0) await run.record('constraints', [...ledgerOf(run), ...gone]);
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const entry of await presentConstraints(postgres)) {
      const sql = await postgres.database('source', entry.database);
      const others = ledgerOf(run).filter((known) => known.database !== entry.database || dropSql(known) !== dropSql(entry));
      await run.record('constraints', [...others, entry]);
      memberships = await joinRoles(sql, [entry.owner], memberships, (all) => run.record('memberships', all));
      await sql.change(dropSql(entry));
    }
  },

  async undo({ target, postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const entry of ledgerOf(run).filter(({ byHand }) => !byHand)) {
      const sql = await postgres.database('source', entry.database);
      memberships = await joinRoles(sql, [entry.owner], memberships, (all) => run.record('memberships', all));
      await restoreShowingRows(target, sql, entry);
    }
    await leaveRoles(await postgres.database('source', 'postgres'), memberships);
  },
};

async function presentConstraints(postgres: Needs['postgres']): Promise<readonly DroppedConstraint[]> {
  const found: DroppedConstraint[] = [];
  for (const database of await postgres.databases('source')) {
    const entries = await deferrableConstraints(await postgres.database('source', database));
    found.push(...entries.map((entry) => ({ ...entry, database })));
  }
  return found;
}

/** What the service file says the tables must have, and neither the source nor the ledger has. */
async function droppedByHand({ target, postgres }: Needs, run: RunView): Promise<readonly DroppedConstraint[]> {
  if (Object.keys(target.deferrableConstraints).length === 0) return [];
  const gone: DroppedConstraint[] = [];
  for (const database of Object.keys(target.databases)) {
    const sql = await postgres.database('source', database);
    for (const { schema, name: table, owner } of await tables(sql))
      for (const [name, definition] of Object.entries(target.deferrableConstraints[`${schema}.${table}`] ?? {})) {
        const at = { schema, table, name };
        const inLedger = ledgerOf(run).some(
          (entry) => entry.database === database && entry.schema === schema && entry.table === table && entry.name === name,
        );
        if (inLedger || (await constraint(sql, at))) continue;
        gone.push({ ...at, database, owner, kind: kindOf(definition), definition, byHand: true });
      }
  }
  return gone;
}

function kindOf(definition: string): DroppedConstraint['kind'] {
  if (definition.startsWith('UNIQUE')) return 'u';
  return definition.startsWith('PRIMARY KEY') ? 'p' : 'x';
}

function ledgerOf(run: RunView): readonly DroppedConstraint[] {
  return run.recall<readonly DroppedConstraint[]>('constraints') ?? [];
}

function dropSql(entry: DroppedConstraint): string {
  return `alter table ${qualified(entry.schema, entry.table)} drop constraint ${identifier(entry.name)}`;
}
