import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { certificateName, clientKeySecret, masterName, migrationJobId, profileId } from '../../gcp/names.ts';
import { leaveRoles, type Membership } from '../../postgres/membership.ts';
import { dropProofSlots, hasProofSlots } from '../../postgres/proof-slots.ts';
import { slotsRequest } from '../../validator/run-proof.ts';

type Needs = Pick<Clients, 'target' | 'cloudSql' | 'dataMigration' | 'secrets' | 'postgres'>;
interface Leftover {
  readonly what: string;
  remove(): Promise<void>;
}

/** The steps that let the bot's user act for an owner on the destination. */
const membershipSteps = [
  'grant-destination-roles',
  'analyze-destination',
  'prepare-switch',
  'hand-over-ownership',
  'restore-constraints',
  'refresh-materialized-views',
];

/** What the migration left behind. `force` does not exist here: with it Google deletes the new instance. */
export const removeMigration: Step<Needs> = {
  id: 'remove-migration',
  title: 'Remove the migration job and what it left behind',
  impact: 'none',
  gate: { question: 'Remove the migration job and its leftovers? The way back stays armed.' },

  async check(clients, run) {
    const job = await clients.dataMigration.job(migrationJobId(run));
    if (job && job.state !== 'COMPLETED')
      return blocked(
        'gcp.job-not-completed',
        `Migration job ${migrationJobId(run)} is ${job.state}, not COMPLETED: removing it now could take the new instance with it.`,
        'Look at the job in Database Migration Service, then press Retry.',
      );
    const left = await leftovers(clients, run);
    return left.length > 0 ? todo(left.map(({ what }) => what)) : done('nothing of the migration is left but the armed way back');
  },

  async apply(clients, run) {
    for (const leftover of await leftovers(clients, run)) await leftover.remove();
  },

  undo: { irreversible: 'the migration job cannot be made again for a promoted instance' },
};

/** In the order in which they can go: a profile in use cannot, and the job takes the destination's profile with it. */
async function leftovers({ target, cloudSql, dataMigration, secrets, postgres }: Needs, run: RunView): Promise<readonly Leftover[]> {
  const wait = { signal: run.signal, timeoutMs: 15 * 60_000 };
  const left: Leftover[] = [];
  const jobId = migrationJobId(run);
  if (await dataMigration.job(jobId))
    left.push({
      what: `delete migration job ${jobId} (without force)`,
      remove: async () => void (await dataMigration.wait(await dataMigration.deleteJob(jobId), wait)),
    });
  for (const side of ['source', 'destination'] as const) {
    const id = profileId(run, side);
    if (await dataMigration.connectionProfile(id))
      left.push({
        what: `delete connection profile ${id}`,
        remove: async () => {
          if (await dataMigration.connectionProfile(id)) await dataMigration.wait(await dataMigration.deleteConnectionProfile(id), wait);
        },
      });
  }
  const master = masterName(target.destination);
  if (await cloudSql.instance(master))
    left.push({
      what: `delete ${master}, which stood for the source`,
      remove: async () => cloudSql.wait(await cloudSql.deleteInstance(master), wait),
    });
  const certificate = (await cloudSql.certificates(target.source)).find(({ commonName }) => commonName === certificateName(run));
  if (certificate)
    left.push({
      what: `delete the client certificate ${certificateName(run)} of ${target.source}`,
      remove: async () => cloudSql.wait(await cloudSql.deleteCertificate(target.source, certificate.sha1Fingerprint), wait),
    });
  const key = clientKeySecret(run);
  if ((await secrets.latest(key)) !== undefined) left.push({ what: `delete secret ${key}`, remove: () => secrets.destroy(key) });
  for (const database of await postgres.databases('destination')) {
    const sql = await postgres.database('destination', database);
    const [extension] = await sql.look(`select 1 from pg_extension where extname = 'pglogical'`);
    if (extension)
      left.push({
        what: `${target.destination}, database ${database}: drop extension pglogical cascade`,
        remove: async () => void (await sql.change('drop extension pglogical cascade')),
      });
  }
  if (await hasProofSlots({ postgres, uid: run.uid }))
    left.push({
      what: 'drop the slots of the proof’s change feeds',
      remove: async () => dropProofSlots(await slotsRequest({ target, postgres, secrets }, run)),
    });
  const memberships = membershipSteps
    .flatMap((step) => run.recall<readonly Membership[]>('memberships', step) ?? [])
    .filter(({ side }) => side === 'destination');
  const sql = await postgres.database('destination', 'postgres');
  for (const membership of memberships) {
    const [held] = await sql.look(
      `select 1 from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
       where r.rolname = $1 and u.rolname = $2 and (m.inherit_option or m.set_option)`,
      [membership.role, membership.member],
    );
    if (held) left.push({ what: `revoke ${membership.role} from ${membership.member}`, remove: () => leaveRoles(sql, [membership]) });
  }
  return left;
}
