import { ledgerHas, tidyLedger } from './ledger-schema.ts';
import type { Sql } from './types.ts';

/**
 * Keeps the replicas that the stopped applications had on the source too, beside the fence's ledger, so that they can be
 * started again with Redis gone. What was kept first stays: a later look finds them at zero.
 */
export async function mirrorReplicas(sql: Sql, run: string, replicas: Readonly<Record<string, number>>): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.change('create schema if not exists pgupgrade_ledger');
    await tx.change(
      `create table if not exists pgupgrade_ledger.replicas (run text, workload text, replicas integer not null, primary key (run, workload))`,
    );
    await tx.change(
      `insert into pgupgrade_ledger.replicas (run, workload, replicas) select $1, key, value::integer from jsonb_each_text($2::jsonb)
       on conflict (run, workload) do nothing`,
      [run, JSON.stringify(replicas)],
    );
  });
}

/** Workload → the replicas that it had, of every write stop that was begun and not given back. */
export async function mirroredReplicas(sql: Sql): Promise<Readonly<Record<string, number>>> {
  if (!(await ledgerHas(sql, 'replicas'))) return {};
  const rows = await sql.look<{ workload: string; replicas: number }>('select workload, replicas from pgupgrade_ledger.replicas');
  return Object.fromEntries(rows.map(({ workload, replicas }) => [workload, replicas]));
}

/** They run again: nothing of these workloads is kept any more. */
export async function forgetReplicas(sql: Sql, workloads: readonly string[]): Promise<void> {
  if (!(await ledgerHas(sql, 'replicas'))) return;
  await sql.change('delete from pgupgrade_ledger.replicas where workload = any ($1)', [workloads]);
  await tidyLedger(sql);
}
