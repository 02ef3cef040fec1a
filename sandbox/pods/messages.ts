/** What a pod tells its ledger over IPC. `server` is the address it is connected to. */
export type PodMessage =
  | {
      readonly type: 'acknowledged';
      readonly id: string;
      readonly seq: number;
      readonly at: number;
      readonly tookMs: number;
      readonly server: string;
    }
  | { readonly type: 'failed'; readonly at: number; readonly server: string; readonly error: string }
  | { readonly type: 'read'; readonly at: number; readonly server: string }
  | { readonly type: 'partition'; readonly at: number; readonly server: string; readonly name: string }
  | { readonly type: 'connected'; readonly at: number; readonly server: string };

export type PodKind = 'web' | 'worker' | 'reader' | 'partitions' | 'adhoc';

/** What a pod's process is told first: who it is. */
export interface PodSettings {
  readonly name: string;
  readonly kind: PodKind;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Where the feature flags are asked for. */
  readonly flipper: string;
  /** Between two writes. */
  readonly pauseMs: number;
}
