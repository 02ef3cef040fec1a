import type { Prints } from './covered.ts';
import type { Settled } from './database-proof.ts';

/** By database. */
export type AllPrints = Readonly<Record<string, Prints>>;
export type AllSettled = Readonly<Record<string, Settled>>;

/** A proof that was begun; `leg`: of which the rollback's changes flow from the new instance to the old one. */
export interface TakenProof {
  readonly since: number;
  readonly prints: AllPrints;
  readonly leg: string;
}

/** The proof of a run, wherever it is kept now. */
export interface Proof {
  /** What the tables of these databases are now, for the proof that is begun. */
  prints(databases: readonly string[]): Promise<AllPrints>;
  /** This process keeps it from now on, whoever did before. Errors: those of the servers. */
  take(begun: TakenProof): Promise<void>;
  /** What is unequal or not proved with nobody writing any more; `take` first. */
  settle(signal: AbortSignal): Promise<AllSettled>;
  /** This process keeps it no more. */
  release(): Promise<void>;
}

/** Where none is kept: stand-alone tools and looks. */
export const noProof: Proof = {
  prints: async () => ({}),
  take: () => Promise.reject(new Error('this process keeps no proof')),
  settle: () => Promise.reject(new Error('this process keeps no proof')),
  release: async () => undefined,
};
