import type { Target } from '../config/schema.ts';
import { NeedsHuman } from '../errors.ts';
import type { Workloads } from './types.ts';

/** Has the shape of a preflight finding. */
export interface WorkloadFinding {
  readonly severity: 'blocks' | 'note';
  readonly code: string;
  readonly object: string;
  readonly message: string;
  readonly remedy: string;
}

/** Every workload of the service file: is it there, does it name the instance in the setting that is said, what would undo its scale to zero? */
export async function workloadFindings(
  workloads: Workloads,
  target: Pick<Target, 'workloads' | 'source'>,
): Promise<readonly WorkloadFinding[]> {
  const findings: WorkloadFinding[] = [];
  for (const [name, workload] of Object.entries(target.workloads)) {
    const add = (severity: WorkloadFinding['severity'], code: string, message: string, remedy: string) =>
      findings.push({ severity, code, object: name, message, remedy });
    try {
      const [state, reasons] = await Promise.all([workloads.observe(name), workloads.undoneBy(name)]);
      if (!state) {
        add('note', 'workload.by-hand', `${name} has the driver manual: people stop, switch and start it.`, 'Have somebody ready who can.');
        continue;
      }
      const scaled = workload.stop !== undefined || workload.during !== undefined;
      for (const sentence of reasons)
        add(scaled ? 'blocks' : 'note', 'workload.undone-by', `${name}: ${sentence}`, 'Pause it until the migration is over.');
      const value = state.settings[workload.connection];
      if (value === undefined)
        add(
          'blocks',
          'workload.setting-missing',
          `${name} has no plain setting ${workload.connection}.`,
          'Correct `connection` in the service file, or use the driver manual.',
        );
    } catch (error) {
      if (!(error instanceof NeedsHuman)) throw error;
      add('blocks', error.code, error.message, error.remedy);
    }
  }
  return findings;
}
