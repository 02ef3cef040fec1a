import { Transient } from '../../errors.ts';

const lockAttempts = 5;

/** Again where somebody holds the table's lock for a moment (DDL, VACUUM FULL): the wait itself was lock_timeout. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === lockAttempts || !(error instanceof Transient) || error.code !== 'postgres.lock-timeout') throw error;
    }
  }
}
