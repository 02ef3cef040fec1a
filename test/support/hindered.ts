import type { FactBody } from '../../src/engine/facts.ts';
import type { HinderingSession } from '../../src/engine/step.ts';

const startedAt = 1_795_000_000_123_456;
export const nightly: HinderingSession = {
  pid: 4711,
  startedAt,
  who: 'me-inapp@example.iam (nightly-job, 10.0.0.4, “update campaign set name = …”), pid 4711',
};
export const someone: HinderingSession = {
  pid: 4712,
  startedAt: startedAt + 1,
  who: 'ana@example.com (psql, 10.0.0.9, “delete from contact where id = …”), pid 4712',
};

/** The go/no-go question could not be asked: these have open transactions. */
export function hindered(sessions: readonly HinderingSession[] = [nightly, someone]): FactBody {
  const named = sessions.map(({ who }) => `a transaction of ${who}, has written and is open for 95 s`);
  return {
    type: 'step.blocked',
    step: 'approve-cutover',
    code: 'cutover.open-transactions',
    reason: `The write stop would break off or wait for what is open on me-inapp-staging-pg15: ${named.join('; ')}. Writes are on.`,
    remedy: 'Disconnect the sessions from here, or wait for the end of what is named, then press Retry.',
    fate: 'human',
    undoing: false,
    sessions,
  };
}
