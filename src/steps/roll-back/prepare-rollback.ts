import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { instanceNames } from '../../gcp/instance-names.ts';
import { activityOf } from '../../postgres/activity.ts';
import { slotsAt } from '../../postgres/drain.ts';
import { bytesText } from '../../postgres/lag.ts';
import { lookAtWayBack } from '../../postgres/way-back.ts';
import { carryBack, wayBackGaps } from '../../postgres/way-back-gaps.ts';
import { changeText, connectionChanges, replacementsOf } from '../../workloads/connections.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'workloads'>;

/** Whatever would stop the rollback once the services are down, or lose a row, is found while they still write. */
export const prepareRollback: Step<Needs> = {
  id: 'prepare-rollback',
  title: 'Prepare the way back to the old instance',
  impact: 'none',

  async check(clients, run) {
    const { target, cloudSql, workloads } = clients;
    const databases = Object.keys(target.databases);
    const source = await cloudSql.instance(target.source);
    if (source?.state !== 'RUNNABLE')
      return blocked(
        'rollback.no-old-instance',
        `The old instance ${target.source} is ${source?.state ?? 'not there'}.`,
        'Bring it up, then press Retry.',
      );
    const users = target.databaseUsers.map(({ username }) => username);
    const lost = await missingRoles(clients, users);
    if (lost.length > 0)
      return blocked(
        'rollback.users-missing',
        `${lost.join(', ')} is not on ${target.source} any more: its application could not log in there.`,
        'Create it again, then press Retry.',
      );
    const way = await wayNow(clients, run, databases);
    if ('problem' in way) return blocked('rollback.not-possible', way.problem, way.remedy);
    if ('gaps' in way) return todo(way.gaps.map((gap) => `make it on ${target.source}: ${gap}`));
    if (way.behind > target.cutover.maxLag)
      return waiting(`the old instance is ${bytesText(way.behind)} behind, at most ${bytesText(target.cutover.maxLag)} is allowed`, 1_000);
    const replacements = replacementsOf(await instanceNames(cloudSql, target.destination), await instanceNames(cloudSql, target.source));
    const changes = await connectionChanges(workloads, target.workloads, replacements);
    return done([way.words, ...changes.map((change) => changeText(change, replacements))].join('; '));
  },

  apply: carryToOld,

  undo: { keep: 'a table that is on both instances harms nobody' },
};

/** Tables and partitions that were made on the new instance; what else differs is for people. */
async function carryToOld({ target, postgres }: Needs, run: RunView): Promise<void> {
  const databases = Object.keys(target.databases);
  const problems = await carryBack(postgres, run.uid, databases);
  const left = [...problems, ...(await wayBackGaps(postgres, run.uid, databases)).others];
  if (left.length > 0)
    throw new NeedsHuman('rollback.not-possible', `The way back does not bring everything: ${left.slice(0, 10).join('; ')}.`, {
      remedy: `Make it on ${target.source} with the same definition and refresh the publication, then press Retry; or stay on the new instance (Abort).`,
    });
  await run.record('carried', true);
}

async function missingRoles({ postgres }: Needs, users: readonly string[]): Promise<readonly string[]> {
  const sql = await postgres.database('source', 'postgres');
  const rows = await sql.look<{ name: string }>(
    'select u.name from unnest($1::text[]) u (name) where not exists (select from pg_roles where rolname = u.name)',
    [users],
  );
  return rows.map(({ name }) => name);
}

type Way =
  | { readonly gaps: readonly string[] }
  | { readonly words: string; readonly behind: number }
  | { readonly problem: string; readonly remedy: string };

/** By the armed way back; without one only if nothing was written on the new instance, which the comparison proves later. */
async function wayNow({ target, postgres }: Needs, run: RunView, databases: readonly string[]): Promise<Way> {
  const started = run.recall<{ readonly written: number }>('started', 'start-services');
  if (!started)
    return { words: 'the services never started on the new instance; that nothing was written there the comparison proves', behind: 0 };
  const looks = await lookAtWayBack({ postgres, uid: run.uid, databases });
  const armed = looks.filter(({ subscription }) => subscription !== 'none');
  if (armed.length === 0) {
    const written = (await activityOf(postgres, 'destination', [], databases)).written - started.written;
    if (written > 0)
      return {
        problem: `No way back is armed, and ${written} rows were written on ${target.destination} since the services started there: they would be lost.`,
        remedy: 'Stay on the new instance (Abort ends the rollback).',
      };
    return { words: 'no way back is armed; nothing may have been written on the new instance, which the comparison proves', behind: 0 };
  }
  // The upkeep holds it while it makes a table there: going on from the hold is part of the carrying over.
  const held = looks.filter((look) => look.held).map(({ database }) => `the new tables of database ${database}, begun by the upkeep`);
  if (held.length > 0) return { gaps: held };
  const hurt = looks.find(({ subscription, slot, walStatus }) => subscription !== 'enabled' || !slot || walStatus === 'lost');
  if (hurt)
    return {
      problem: `The way back ${hurt.name} of database ${hurt.database} is broken (subscription ${hurt.subscription}, slot ${hurt.walStatus ?? 'gone'}): what was written on the new instance is not all on the old one.`,
      remedy: 'Repair it, or stay on the new instance (Abort ends the rollback).',
    };
  const { missing: lacking, others } = await wayBackGaps(postgres, run.uid, databases);
  // A service that makes partitions all the time makes some after any look; the last ones are made when nobody writes any more.
  const gaps = run.recall('carried') === true ? others : [...lacking, ...others];
  if (gaps.length > 0) return { gaps };
  const sql = await postgres.database('destination', 'postgres');
  const [now] = await sql.look<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  const slots = await slotsAt(
    sql,
    now?.lsn ?? '0/0',
    looks.map(({ name }) => name),
  );
  return {
    words: `the way back is armed (${looks.map(({ name }) => name).join(', ')})`,
    behind: Math.max(0, ...slots.map(({ missing }) => missing)),
  };
}
