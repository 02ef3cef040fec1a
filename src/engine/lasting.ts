import type { RunView } from './step.ts';

/**
 * Does what may pass by itself hold the step up for `patienceMs` already? Since when is kept in the run under `key`, and forgotten when
 * it is over or was told: then it has its time anew.
 */
export async function lasts(run: Pick<RunView, 'record' | 'recall'>, key: string, holds: boolean, patienceMs: number): Promise<boolean> {
  const since = run.recall<number | null>(key) ?? undefined;
  if (holds && since === undefined) await run.record(key, Date.now());
  const told = holds && since !== undefined && Date.now() - since >= patienceMs;
  if (since !== undefined && (told || !holds)) await run.record(key, null);
  return told;
}
