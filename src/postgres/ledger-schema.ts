import type { Sql } from './types.ts';

/** Where the source keeps a copy of what giving the writes back needs; in database `postgres`, which is neither replicated nor compared. */
const tables = [
  { name: 'pgupgrade_ledger.fence', open: 'undone_at is null' },
  { name: 'pgupgrade_ledger.replicas', open: 'true' },
];

export async function ledgerHas(sql: Sql, table: 'fence' | 'replicas'): Promise<boolean> {
  const [row] = await sql.look<{ found: boolean }>('select to_regclass($1) is not null as found', [`pgupgrade_ledger.${table}`]);
  return row?.found ?? false;
}

/** With no fence standing and no application stopped any more nothing is left behind. */
export async function tidyLedger(sql: Sql): Promise<void> {
  let found = false;
  for (const { name, open } of tables) {
    const [row] = await sql.look<{ found: boolean }>('select to_regclass($1) is not null as found', [name]);
    if (!row?.found) continue;
    found = true;
    if ((await sql.look(`select 1 from ${name} where ${open} limit 1`)).length > 0) return;
  }
  if (found) await sql.change('drop schema pgupgrade_ledger cascade');
}
