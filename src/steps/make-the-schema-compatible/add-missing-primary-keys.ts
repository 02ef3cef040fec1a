import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { type AddedKey, dropAddedKeySql } from '../../postgres/added-key.ts';
import { type TableEntry, tables } from '../../postgres/catalogue.ts';
import { qualified } from '../../postgres/identifiers.ts';
import { joinPlan, joinRoles, leaveRoles, type Membership } from '../../postgres/membership.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;

/** Without a primary key only inserts are migrated. The column is the service file's. */
export const addMissingPrimaryKeys: Step<Needs> = {
  id: 'add-missing-primary-keys',
  title: 'Add the missing primary keys',
  impact: 'none',
  copy: 'prepares',

  async check(clients) {
    const { target, postgres } = clients;
    const bare = await withoutKey(clients);
    const unplanned = bare.find(({ table }) => target.primaryKeys[nameOf(table)] === undefined);
    if (unplanned)
      return blocked(
        'postgres.no-primary-key',
        `Table ${nameOf(unplanned.table)} of database ${unplanned.database} has no primary key; its updates and deletes would not be migrated.`,
        'Add a primary key, or name the table under primaryKeys in the service file; then press Retry.',
      );
    if (bare.length === 0) return done('every table of the source has a primary key');
    const plan: string[] = [];
    for (const { database, table } of bare) {
      plan.push(...(await joinPlan(await postgres.database('source', database), [table.owner])));
      plan.push(`${addSql(clients, table)} -- database ${database}`);
    }
    return todo([...new Set(plan)]);
  },

  async apply(clients, run) {
    const { target, postgres } = clients;
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const { database, table } of await withoutKey(clients)) {
      const planned = target.primaryKeys[nameOf(table)];
      if (!planned) continue;
      const sql = await postgres.database('source', database);
      const column = /^\s*("(?:[^"]|"")+"|\S+)/.exec(planned.add)?.[1] ?? '';
      const { schema, name, owner } = table;
      const others = ledgerOf(run).filter((known) => known.database !== database || known.schema !== schema || known.table !== name);
      await run.record('added', [
        ...others,
        { database, schema, table: name, column, owner, onUndo: planned.onUndo, onDestination: planned.onDestination },
      ]);
      memberships = await joinRoles(sql, [owner], memberships, (all) => run.record('memberships', all));
      await sql.change(addSql(clients, table));
    }
  },

  async undo({ postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const key of ledgerOf(run).filter((entry) => entry.onUndo === 'restore')) {
      const sql = await postgres.database('source', key.database);
      memberships = await joinRoles(sql, [key.owner], memberships, (all) => run.record('memberships', all));
      await sql.change(dropAddedKeySql(key));
    }
    await leaveRoles(await postgres.database('source', 'postgres'), memberships);
  },
};

async function withoutKey({ target, postgres }: Needs): Promise<readonly { readonly database: string; readonly table: TableEntry }[]> {
  const found: { database: string; table: TableEntry }[] = [];
  for (const database of Object.keys(target.databases)) {
    const all = await tables(await postgres.database('source', database));
    found.push(
      ...all.filter((table) => table.kind === 'r' && !table.primaryKey && table.persistence === 'p').map((table) => ({ database, table })),
    );
  }
  return found;
}

function addSql({ target }: Needs, table: TableEntry): string {
  return `alter table ${qualified(table.schema, table.name)} add column ${target.primaryKeys[nameOf(table)]?.add}`;
}

function nameOf(table: TableEntry): string {
  return `${table.schema}.${table.name}`;
}

function ledgerOf(run: RunView): readonly AddedKey[] {
  return run.recall<readonly AddedKey[]>('added') ?? [];
}
