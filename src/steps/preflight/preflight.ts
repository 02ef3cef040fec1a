import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { instanceFindings } from '../../gcp/instance-findings.ts';
import { migrationJobId } from '../../gcp/names.ts';
import { databaseSizes } from '../../postgres/database-sizes.ts';
import type { Finding, Reach } from '../../postgres/preflight/finding.ts';
import { preflightFindings } from '../../postgres/preflight.ts';
import { workloadFindings } from '../../workloads/workload-findings.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'dataMigration' | 'secrets' | 'workloads'>;

/** Read-only: everything that would make a later step fail or lose data is found before anything is changed. */
export const preflight: Step<Needs> = {
  id: 'preflight',
  title: 'Preflight: what would fail later',
  impact: 'none',

  async check(clients, run) {
    const findings = await allFindings(clients, run);
    const count = (severity: Finding['severity']) => findings.filter((finding) => finding.severity === severity).length;
    const lines = findings.map(line);
    const summary = `${count('blocks')} block, ${count('handled')} are handled by a step, ${count('note')} to know`;
    const blocking = findings.filter((finding) => finding.severity === 'blocks');
    if (blocking.length === 0) return done([summary, ...lines].join('\n'));
    return blocked(
      'preflight.blocks',
      [`${summary}:`, ...blocking.slice(0, 10).map((finding) => `• ${finding.message}`)].join('\n'),
      blocking.length === 1 ? (blocking[0]?.remedy ?? '') : 'Deal with each of them (remedies in the file), then press Retry.',
      { file: { name: `preflight-${clients.target.source}.txt`, content: `${lines.join('\n')}\n` } },
    );
  },

  undo: { keep: 'nothing was changed' },
};

async function allFindings(clients: Needs, run: RunView): Promise<readonly Finding[]> {
  const { target, postgres, cloudSql, workloads } = clients;
  const findings: Finding[] = [];
  /** One part that cannot look does not hide what the others see. */
  const collect = async (look: () => Promise<readonly Finding[]>) => {
    try {
      findings.push(...(await look()));
    } catch (error) {
      if (!(error instanceof NeedsHuman)) throw error;
      findings.push({ severity: 'blocks', code: error.code, object: target.source, message: error.message, remedy: error.remedy });
    }
  };
  run.progress({ text: 'Looking at the instance and its databases' });
  await collect(() => secretFindings(clients));
  await collect(async () => {
    const instance = await cloudSql.instance(target.source);
    const sizes = instance ? await databaseSizes(postgres, 'source').catch(() => undefined) : undefined;
    return instanceFindings(instance, target, sizes && [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0), Date.now());
  });
  await collect(async () => {
    const there = (await cloudSql.instance(target.destination))?.state === 'RUNNABLE';
    const closed = there ? await closedToUs(clients) : undefined;
    const found = await preflightFindings(
      reach(clients, 'source'),
      expected(clients),
      there && !closed ? reach(clients, 'destination') : undefined,
    );
    return closed ? [...found, closed] : found;
  });
  await collect(async () => {
    await clients.dataMigration.job(migrationJobId(run));
    return [];
  });
  await collect(() => workloadFindings(workloads, target));
  const order = { blocks: 0, handled: 1, note: 2 } as const;
  return findings.sort((a, b) => order[a.severity] - order[b.severity]);
}

/** A destination that somebody made may have any password: `create-destination` sets the secret's when it adopts it. */
async function closedToUs({ target, postgres }: Needs): Promise<Finding | undefined> {
  try {
    await postgres.database('destination', 'postgres');
    return undefined;
  } catch (error) {
    if (!(error instanceof NeedsHuman) || error.code !== 'postgres.password-refused') throw error;
    return {
      severity: 'handled',
      code: 'destination.password',
      object: target.destination,
      message: `${target.destination} exists, and user postgres has another password there than secret ${target.secrets['postgres']} says.`,
      remedy: 'The secret’s password is set when the instance is adopted; its extensions were not looked at.',
      handledBy: 'create-destination',
    };
  }
}

function reach({ postgres }: Needs, side: 'source' | 'destination'): Reach {
  return { databases: () => postgres.databases(side), database: (name) => postgres.database(side, name) };
}

function expected({ target }: Needs) {
  const { to, from, databases, primaryKeys } = target;
  return {
    to,
    from,
    databases,
    primaryKeys,
    users: target.databaseUsers.map((user) => user.username),
    customTypes: Object.keys(target.customTypes),
  };
}

async function secretFindings({ target, secrets }: Needs): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [use, name] of Object.entries(target.secrets)) {
    const made =
      use === 'migration' ||
      use === 'wayback' ||
      target.databaseUsers.some((user) => user.username === use && user.password === 'generate');
    if (made || (await secrets.latest(name)) !== undefined) continue;
    const message = `Secret ${name} with the password of ${use} does not exist or is empty.`;
    findings.push({ severity: 'blocks', code: 'secret.missing', object: name, message, remedy: 'Add a version to it.' });
  }
  return findings;
}

function line(finding: Finding): string {
  const by = finding.handledBy === undefined ? '' : ` [${finding.handledBy}]`;
  const where = finding.database === undefined ? '' : `${finding.database}: `;
  return `${finding.severity}${by} ${finding.code}: ${where}${finding.message} ${finding.remedy}`;
}
