import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { instanceNames } from '../../gcp/instance-names.ts';
import { arrayOids } from '../../postgres/catalogue.ts';
import { unreadiness } from '../../postgres/readiness.ts';
import { carryTables, tripwire } from '../../validator/tripwire.ts';
import { changeText, connectionChanges, replacementsOf } from '../../workloads/connections.ts';
import { typeSettings } from '../../workloads/custom-types.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'workloads' | 'secrets' | 'validator'>;

/** What the switch will change, word for word, and everything it needs on the new instance; a restarted migration would have undone some of it. */
export const prepareSwitch: Step<Needs> = {
  id: 'prepare-switch',
  title: 'Prepare the switch',
  impact: 'none',

  async check(clients, run) {
    const problems = [...(await notReady(clients)), ...(await missingOids(clients))];
    if (problems.length > 0)
      return blocked(
        'switch.not-ready',
        `The switch is not ready: ${problems.join('; ')}.`,
        'Put right what is named (steps of “Prepare the destination” can be run again by hand), then press Retry.',
      );
    const tripped = await tripwire(clients, run);
    if (tripped?.is === 'blocking') return blocked('schema.changed', tripped.reason, tripped.remedy, { restartCopy: true });
    if (tripped) return todo(tripped.plan);
    const { target, cloudSql, workloads } = clients;
    const replacements = replacementsOf(await instanceNames(cloudSql, target.source), await instanceNames(cloudSql, target.destination));
    const changes = await connectionChanges(workloads, target.workloads, replacements);
    return done(
      [
        ...changes.map((change) => changeText(change, replacements)),
        'users, rights, statistics and the hand-over are ready on the new instance',
      ].join('; '),
    );
  },

  /** Only for tables that came since the copy was compared; the comparison in the write stop covers them. */
  async apply(clients, run) {
    const tripped = await tripwire(clients, run);
    if (tripped?.is !== 'carryable') return;
    const { target, secrets } = clients;
    await carryTables(clients, run, tripped.tables, (await secrets.latest(target.secrets['migration'] ?? '')) ?? '');
  },

  undo: { keep: 'what is carried over belongs to the copy' },
};

async function notReady({ target, postgres, secrets }: Needs): Promise<readonly string[]> {
  const logins: { user: string; password: string }[] = [];
  for (const { username, type } of target.databaseUsers) {
    const password = type === 'built-in' ? await secrets.latest(target.secrets[username] ?? '') : undefined;
    if (password !== undefined) logins.push({ user: username, password });
  }
  return unreadiness({ postgres, databases: target.databases, users: target.databaseUsers, logins });
}

async function missingOids({ target, postgres, workloads }: Needs): Promise<readonly string[]> {
  const oids = new Map<string, string[]>();
  for (const database of Object.keys(target.databases))
    for (const { typname, oid } of await arrayOids(await postgres.database('destination', database), Object.keys(target.customTypes)))
      oids.set(typname, [...(oids.get(typname) ?? []), String(oid)]);
  return (await typeSettings(workloads, target.customTypes, oids))
    .filter(({ byHand }) => !byHand)
    .map(({ workload, setting, to }) => `${setting} of ${workload} must be ${to}`);
}
