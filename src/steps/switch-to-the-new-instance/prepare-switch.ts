import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step } from '../../engine/step.ts';
import { instanceNames } from '../../gcp/instance-names.ts';
import { arrayOids } from '../../postgres/catalogue.ts';
import { differingParts, fingerprint } from '../../postgres/fingerprint.ts';
import { unreadiness } from '../../postgres/readiness.ts';
import { changeText, connectionChanges, replacementsOf } from '../../workloads/connections.ts';
import { typeSettings } from '../../workloads/custom-types.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'workloads' | 'secrets'>;

/** What the switch will change, word for word, and everything it needs on the new instance; a restarted migration would have undone some of it. */
export const prepareSwitch: Step<Needs> = {
  id: 'prepare-switch',
  title: 'Prepare the switch',
  impact: 'none',

  async check(clients, run) {
    const problems = [...(await notReady(clients)), ...(await changedSchema(clients, run)), ...(await missingOids(clients))];
    if (problems.length > 0)
      return blocked(
        'switch.not-ready',
        `The switch is not ready: ${problems.join('; ')}.`,
        'Put right what is named (steps of “Prepare the destination” can be run again by hand), then press Retry.',
      );
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

  undo: { keep: 'looking changes nothing' },
};

async function notReady({ target, postgres, secrets }: Needs): Promise<readonly string[]> {
  const logins: { user: string; password: string }[] = [];
  for (const { username, type } of target.databaseUsers) {
    const password = type === 'built-in' ? await secrets.latest(target.secrets[username] ?? '') : undefined;
    if (password !== undefined) logins.push({ user: username, password });
  }
  return unreadiness({ postgres, databases: target.databases, users: target.databaseUsers, logins });
}

/** DDL on the source since the hold is missing on the destination: nothing replicates it. */
async function changedSchema({ target, postgres }: Needs, run: RunView): Promise<readonly string[]> {
  const kept = run.recall<Readonly<Record<string, { readonly hash: string }>>>('fingerprint', 'hold-schema-changes') ?? {};
  const problems: string[] = [];
  for (const [database, { schemas }] of Object.entries(target.databases)) {
    const now = await fingerprint(await postgres.database('source', database), schemas);
    if (kept[database] === undefined || kept[database].hash === now.hash) continue;
    const there = await fingerprint(await postgres.database('destination', database), schemas);
    const names = differingParts(now, there);
    problems.push(
      `the schema of database ${database} was changed since it was held${names.length > 0 ? `; not the same on the destination: ${names.join(', ')}` : ''}`,
    );
  }
  return problems;
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
