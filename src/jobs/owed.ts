import { next } from '../engine/next.ts';
import type { RunbookShape, RunState } from '../engine/state.ts';

/** What a job carries. `failures` counts the Transient ones in a row. */
export type Owed =
  | { readonly kind: 'execute'; readonly run: string; readonly step: string; readonly epoch: number; readonly failures: number }
  | { readonly kind: 'undo'; readonly run: string; readonly step: string; readonly epoch: number; readonly failures: number }
  | { readonly kind: 'due'; readonly run: string; readonly dueAt: number }
  | { readonly kind: 'gate-expiry'; readonly run: string; readonly nonce: string; readonly dueAt: number };

export interface OwedJob {
  /**
   * Names the decision: two workers that read the same log name the same job. The kind is part of it, because an abort
   * does not move the epoch: under one id the undo's job was swallowed by the execution that was just ending.
   */
  readonly id: string;
  readonly queue: 'steps' | 'timed';
  /** ms since the epoch, or at once. */
  readonly dueAt: number | undefined;
  readonly data: Owed;
}

/** Everything the run owes now, as jobs; a write stop's deadline and its give-back are every worker process's own (`give-backs.ts`). Pure. */
export function owedBy(state: RunState, shape: RunbookShape): readonly OwedJob[] {
  const { header } = state;
  if (!header || state.endedAt !== undefined) return [];
  const { run, uid } = header;
  const name = (...parts: readonly (string | number)[]) => [run, uid, ...parts].join('-');
  const owed: OwedJob[] = [];
  const move = next(state, shape);
  if (move.do === 'execute' || move.do === 'undo') {
    const id = move.do === 'execute' ? executionId(state) : name(state.epoch, 'undo');
    const data = { kind: move.do, run, step: move.step, epoch: state.epoch, failures: 0 };
    owed.push({ id, queue: 'steps', dueAt: undefined, data });
  }
  if (move.do === 'await-due' && header.notBefore !== undefined)
    owed.push({
      id: name('due', header.notBefore),
      queue: 'timed',
      dueAt: header.notBefore,
      data: { kind: 'due', run, dueAt: header.notBefore },
    });
  if (state.gate && !state.gate.expired) {
    const { nonce, expiresAt } = state.gate;
    owed.push({
      id: name('gate', nonce),
      queue: 'timed',
      dueAt: expiresAt,
      data: { kind: 'gate-expiry', run, nonce, dueAt: expiresAt },
    });
  }
  return owed;
}

/** The id that an execution has in this epoch, whether it is owed or not. */
export function executionId(state: RunState): string {
  return [state.header?.run, state.header?.uid, state.epoch].join('-');
}
