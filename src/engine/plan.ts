import { createHash } from 'node:crypto';

/** What people approve: the plan's lines, word for word. */
export function planHash(plan: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 32);
}

/** Why a plan that was approved is asked about again; `undefined` if nothing was approved before. */
export function changeOfPlan(
  approved: { readonly by: readonly string[]; readonly plan: readonly string[] } | undefined,
  plan: readonly string[],
): string | undefined {
  if (!approved) return undefined;
  const gone = approved.plan.filter((line) => !plan.includes(line));
  const come = plan.filter((line) => !approved.plan.includes(line));
  const shown = [...gone.map((line) => `no longer “${line}”`), ...come.map((line) => `now “${line}”`)];
  const details = shown.length > 6 ? [...shown.slice(0, 6), `${shown.length - 6} more`] : shown;
  return `the plan changed since ${approved.by.join(', ')} approved it${details.length > 0 ? `: ${details.join('; ')}` : ''}`;
}
