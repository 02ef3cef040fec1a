/** The applications to stop, switch and start, by their names in the service file. */
export interface WorkloadState {
  /** Wanted. */
  readonly replicas: number;
  /** Pods that exist, those that are ending included. */
  readonly pods: number;
  /** Of them, those that were told to end. */
  readonly ending: number;
  readonly ready: number;
  /** The settings (environment variables) of its containers that have a plain value. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * The driver `kubernetes` does it; with `manual` a person does it as a task and `observe` is `undefined`. Whatever a
 * driver says, the truth about writers is read from Postgres.
 */
export interface Workloads {
  driver(name: string): 'kubernetes' | 'manual';
  /** `undefined`: driver manual. An unknown deployment: NeedsHuman `workloads.not-found`. */
  observe(name: string): Promise<WorkloadState | undefined>;
  /** What would undo a scale-to-zero or a changed setting: an autoscaler, a GitOps controller, a CronJob; each a sentence. Driver manual: nothing. */
  undoneBy(name: string): Promise<readonly string[]>;
  /** What its deployment asks for, without a look at its pods. */
  wanted(name: string): Promise<Pick<WorkloadState, 'replicas' | 'settings'> | undefined>;
  /** Also where it has that many: what another process was about to change, and was stopped before, is refused from then on. So does `set`. */
  scale(name: string, replicas: number): Promise<void>;
  /** Until no pod is left, or exactly `replicas` are ready; those that are ending may be left then. */
  settled(name: string, replicas: number, options: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<void>;
  /** Changes settings, which restarts its pods unless they are so already; `null` removes one. Does not wait. None at all: only what others are about to change is refused. */
  set(name: string, settings: Readonly<Record<string, string | null>>): Promise<void>;
}
