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

/** A pod's settings besides the deployment's own environment. */
export interface PodSettings {
  readonly POD_NAME: string;
  readonly POD_KIND: PodKind;
  readonly POD_HOST: string;
  readonly POD_PORT: string;
  readonly POD_USER: string;
  readonly POD_PASSWORD: string;
  readonly POD_DATABASE: string;
  /** Where the feature flags are asked for. */
  readonly POD_FLIPPER: string;
  /** Between two writes, in milliseconds. */
  readonly POD_PAUSE: string;
}
