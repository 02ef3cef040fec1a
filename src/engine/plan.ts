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
  return approved && `the plan changed since ${approved.by.join(', ')} approved it${differences(approved.plan, plan)}`;
}

/** Why the votes on an open question are void: what was seen when it was looked at again. `undefined`: it is the same. */
export function changeOfQuestion(
  open: { readonly plan: readonly string[]; readonly votes: readonly { readonly by: string }[] },
  plan: readonly string[],
): string | undefined {
  if (planHash(open.plan) === planHash(plan)) return undefined;
  const votes = open.votes.length > 0 ? `; the votes of ${open.votes.map(({ by }) => by).join(', ')} are void` : '';
  return `what is seen changed since it was asked${votes}${differences(open.plan, plan)}`;
}

function differences(before: readonly string[], now: readonly string[]): string {
  const gone = before.filter((line) => !now.includes(line));
  const come = now.filter((line) => !before.includes(line));
  const shown = [...gone.map((line) => `no longer “${line}”`), ...come.map((line) => `now “${line}”`)];
  const details = shown.length > 6 ? [...shown.slice(0, 6), `${shown.length - 6} more`] : shown;
  return details.length > 0 ? `: ${details.join('; ')}` : '';
}
