import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import type { Membership } from '../../postgres/membership.ts';
import { rehearseWayBack as rehearse } from '../../postgres/way-back-rehearsal.ts';

/** Tried with a scratch table, both ways. What cannot work stops nothing here: it stands on the go/no-go card. */
export const rehearseWayBack: Step<Pick<Clients, 'target' | 'postgres' | 'secrets'>> = {
  id: 'rehearse-way-back',
  title: 'Rehearse the way back',
  impact: 'none',

  async check({ target }, run) {
    const result = run.recall<{ readonly problems: readonly string[]; readonly tried: readonly string[] } | null>('result');
    if (!result)
      return todo(
        Object.keys(target.databases).map(
          (database) => `database ${database}: replicate one row of a scratch table both ways as user wayback, then remove everything`,
        ),
      );
    return done(
      result.problems.length === 0
        ? `the way back works: ${result.tried.join('; ')}`
        : `no way back as it is: ${result.problems.join('; ')}`,
    );
  },

  async apply({ target, postgres, secrets }, run) {
    const secret = target.secrets['wayback'] ?? '';
    const password = await secrets.latest(secret);
    const result =
      password === undefined
        ? { problems: [`secret ${secret} with the password of wayback is empty`], tried: [] }
        : await rehearse(
            { postgres, uid: run.uid, databases: Object.keys(target.databases), user: 'wayback', password },
            run.recall<readonly Membership[]>('memberships') ?? [],
            (memberships) => run.record('memberships', memberships),
            run.signal,
          );
    await run.record('result', result);
  },

  /** It removes what it makes; but what worked with one copy says nothing of the next. */
  async undo(_clients, run) {
    await run.record('result', null);
  },
};
