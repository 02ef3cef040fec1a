import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { type AddedKey, addedKeyState, dropAddedKeySql } from '../../postgres/added-key.ts';
import { tables } from '../../postgres/catalogue.ts';
import { identifier, qualified } from '../../postgres/identifiers.ts';
import { joinRoles, type Membership } from '../../postgres/membership.ts';
import { type DroppedConstraint, isPartitioned, isRestored, restorePlan } from '../../postgres/restore-constraint.ts';
import { restoreShowingRows } from '../../validator/duplicate-rows.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;

/** After the promotion only: while replication runs, the destination must not be stricter than the source. */
export const restoreConstraints: Step<Needs> = {
  id: 'restore-constraints',
  title: 'Add back the constraints that the migration could not carry',
  impact: 'none',

  async check({ postgres }, run) {
    const plan: string[] = [];
    const kept: string[] = [];
    for (const entry of ledgerOf(run)) {
      const sql = await postgres.database('destination', entry.database);
      if (await isRestored(sql, entry)) continue;
      const { index, attach } = restorePlan(entry, { partitioned: await isPartitioned(sql, entry) });
      plan.push(`-- database ${entry.database}, after a search for duplicates`, ...(index === undefined ? [] : [index]), attach);
    }
    for (const key of keysToDrop(run)) {
      const state = await addedKeyState(await postgres.database('destination', key.database), key);
      if (state === 'present') plan.push(`${dropAddedKeySql(key)} -- database ${key.database}`);
      if (state === 'published') kept.push(`${key.column} of ${key.schema}.${key.table} stays until the way back is over`);
    }
    const names = ledgerOf(run).map((entry) => `${entry.name} ${entry.definition}`);
    return plan.length > 0
      ? todo(plan)
      : done([names.length > 0 ? `on the destination: ${names.join('; ')}` : 'the run dropped no constraint', ...kept].join('; '));
  },

  async apply({ target, postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const entry of ledgerOf(run)) {
      const sql = await postgres.database('destination', entry.database);
      if (await isRestored(sql, entry)) continue;
      const owner = await ownerOf(sql, entry);
      if (owner !== undefined) memberships = await joinRoles(sql, [owner], memberships, (all) => run.record('memberships', all));
      await run.record('restored', [...(run.recall<readonly DroppedConstraint[]>('restored') ?? []), entry]);
      run.progress({ text: `Building ${entry.name} on ${entry.schema}.${entry.table}` });
      await restoreShowingRows(target, sql, entry);
    }
    for (const key of keysToDrop(run)) {
      const sql = await postgres.database('destination', key.database);
      if ((await addedKeyState(sql, key)) !== 'present') continue;
      const owner = await ownerOf(sql, key);
      if (owner !== undefined) memberships = await joinRoles(sql, [owner], memberships, (all) => run.record('memberships', all));
      await sql.change(dropAddedKeySql(key));
    }
  },

  async undo({ postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const entry of run.recall<readonly DroppedConstraint[]>('restored') ?? []) {
      const sql = await postgres.database('destination', entry.database);
      const owner = await ownerOf(sql, entry);
      if (owner === undefined) continue;
      memberships = await joinRoles(sql, [owner], memberships, (all) => run.record('memberships', all));
      await sql.change(`alter table ${qualified(entry.schema, entry.table)} drop constraint if exists ${identifier(entry.name)}`);
    }
  },
};

function ledgerOf(run: RunView): readonly DroppedConstraint[] {
  return run.recall<readonly DroppedConstraint[]>('constraints', 'drop-deferrable-constraints') ?? [];
}

/** Columns that were added for the migration only, by the service file. */
function keysToDrop(run: RunView): readonly AddedKey[] {
  return (run.recall<readonly AddedKey[]>('added', 'add-missing-primary-keys') ?? []).filter((key) => key.onDestination === 'restore');
}

/** Not the ledger's: on the destination the owner is another one until the hand-over. */
async function ownerOf(sql: Parameters<typeof tables>[0], entry: Pick<DroppedConstraint, 'schema' | 'table'>): Promise<string | undefined> {
  return (await tables(sql, [entry.schema])).find((table) => table.name === entry.table)?.owner;
}
