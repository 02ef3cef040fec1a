import type { Clients } from '../clients.ts';
import type { Runtime } from '../config/runtime.ts';
import { NeedsHuman } from '../errors.ts';
import type { GoogleAuth } from '../gcp/auth.ts';
import { testPermissions } from '../gcp/permissions.ts';
import { checksOf, type Finding, ok, type Said, wrong } from './findings.ts';

/** One environment of one service: Google’s permissions, instances, secrets, the login to the source, the workloads. */
export async function checkEnvironment(
  clients: Pick<Clients, 'target' | 'cloudSql' | 'secrets' | 'postgres' | 'workloads'>,
  runtime: Runtime,
  auth: GoogleAuth,
): Promise<readonly Finding[]> {
  const { target } = clients;
  const check = checksOf(`${target.service} ${target.environment}`);
  const found = await Promise.all([
    check(`permissions in ${target.project}`, () => permissions(runtime, auth, target.project)),
    check('instances', () => instances(clients)),
    ...secretsOf(target).map((secret) => check(`secret ${secret.name}`, () => secretFinding(clients, secret))),
    check('database login', () => login(clients)),
    ...Object.keys(target.workloads).map((name) => check(`workload ${name}`, () => workload(clients, name))),
  ]);
  return found.flat();
}

async function permissions(runtime: Runtime, auth: GoogleAuth, project: string): Promise<readonly Said[]> {
  const { missing, unknown } = await testPermissions({ auth, endpoint: runtime.GCP_ENDPOINT, project });
  const member = await account(auth);
  const roles = [...new Set(missing.map(({ role }) => role))];
  const lacking = roles.map((role) => {
    const calls = missing.filter((one) => one.role === role);
    const named = [...new Set(calls.map(({ permission }) => permission))].join(', ');
    return wrong(
      `${named} is missing; without it these calls fail: ${calls.map(({ call }) => call).join(', ')}.`,
      `gcloud projects add-iam-policy-binding ${project} --member=serviceAccount:${member} --role=${role}`,
    );
  });
  const unsure = unknown.map(
    (permission): Said => ({ verdict: 'note', message: `Google does not know ${permission} on a project; it shows only when it is used.` }),
  );
  return [...lacking, ...unsure, ...(lacking.length === 0 ? [ok('every call of the runbook is allowed')] : [])];
}

async function account(auth: GoogleAuth): Promise<string> {
  try {
    return (await auth.getCredentials()).client_email ?? 'SERVICE_ACCOUNT';
  } catch {
    return 'SERVICE_ACCOUNT';
  }
}

async function instances({ cloudSql, target }: Pick<Clients, 'cloudSql' | 'target'>): Promise<readonly Said[]> {
  const [source, destination] = await Promise.all([cloudSql.instance(target.source), cloudSql.instance(target.destination)]);
  const version = `POSTGRES_${target.from}`;
  if (!source)
    return [
      wrong(
        `The source ${target.source} does not exist in project ${target.project}.`,
        'See project, instance and currentVersion in the service file.',
      ),
    ];
  return [
    source.databaseVersion === version
      ? ok(`${target.source} is ${source.state ?? '?'}, ${version}`)
      : wrong(
          `${target.source} is ${source.databaseVersion ?? '?'}, the service file says ${version}.`,
          `Set currentVersion of ${target.environment} to what it is.`,
        ),
    ...(source.state === 'RUNNABLE'
      ? []
      : [wrong(`${target.source} is ${source.state ?? '?'}.`, 'Wait until it is RUNNABLE, or start it.')]),
    ...(source.region && source.region !== target.region
      ? [wrong(`${target.source} is in ${source.region}, the service file says ${target.region}.`, `Set region to ${source.region}.`)]
      : []),
    ...(destination ? [{ verdict: 'note', message: `${target.destination} exists already: a run adopts it if it fits.` } as const] : []),
  ];
}

interface Secret {
  readonly name: string;
  /** The bot makes it if it is missing. */
  readonly made: boolean;
  readonly of: string;
}

function secretsOf(target: Clients['target']): readonly Secret[] {
  const reused = target.databaseUsers
    .filter(({ type, password }) => type === 'built-in' && password === 'reuse')
    .map(({ username }) => username);
  return Object.entries(target.secrets).map(([of, name]) => ({ of, name, made: of !== 'postgres' && !reused.includes(of) }));
}

async function secretFinding({ secrets, target }: Pick<Clients, 'secrets' | 'target'>, secret: Secret): Promise<Said> {
  const value = await secrets.latest(secret.name);
  if (value !== undefined && value !== '') return ok(`is there, of user ${secret.of}`);
  if (secret.made) return ok(`is not there yet; the bot makes it for user ${secret.of}`);
  return wrong(
    `does not exist or has no version; the password of user ${secret.of} is read from it.`,
    `printf %s "$PASSWORD" | gcloud secrets create ${secret.name} --project=${target.project} --data-file=-`,
  );
}

async function login(clients: Pick<Clients, 'postgres' | 'target'>): Promise<readonly Said[]> {
  const { postgres, target } = clients;
  const sql = await sessionOf(clients);
  const [row] = await sql.look<{ version: string; monitor: boolean; signal: boolean }>(
    `select current_setting('server_version') as version,
            pg_has_role('pg_monitor', 'usage') as monitor,
            pg_has_role('pg_signal_backend', 'usage') as signal`,
  );
  const databases = await postgres.databases('source');
  const absent = Object.keys(target.databases).filter((name) => !databases.includes(name));
  const lacking = [...(row?.monitor ? [] : ['pg_monitor']), ...(row?.signal ? [] : ['pg_signal_backend'])];
  return [
    ok(`postgres on ${target.source}, version ${row?.version ?? '?'}; npx pgupgrade preflight ${target.environment} looks deeper`),
    ...absent.map((name) => wrong(`There is no database ${name} on ${target.source}.`, 'See databases in the service file.')),
    ...lacking.map((role) => wrong(`postgres is no member of ${role}.`, `grant ${role} to postgres;`)),
  ];
}

/** The session of the bot; a password that the server refuses is mended in its secret. */
async function sessionOf({ postgres, target }: Pick<Clients, 'postgres' | 'target'>) {
  try {
    return await postgres.database('source', 'postgres');
  } catch (error) {
    if (!(error instanceof NeedsHuman) || error.code !== 'postgres.password-refused') throw error;
    const remedy = `printf %s "$PASSWORD" | gcloud secrets versions add ${target.secrets['postgres']} --project=${target.project} --data-file=-`;
    throw new NeedsHuman(error.code, error.message, { remedy, cause: error });
  }
}

async function workload({ workloads, target }: Pick<Clients, 'workloads' | 'target'>, name: string): Promise<readonly Said[]> {
  const [state, reasons] = await Promise.all([workloads.observe(name), workloads.undoneBy(name)]);
  if (!state) return [{ verdict: 'note', message: 'driver manual: people stop and switch it, the bot verifies in pg_stat_activity' }];
  const connection = target.workloads[name]?.connection ?? '';
  return [
    ok(`${state.ready} of ${state.replicas} replicas are ready`),
    ...(connection in state.settings
      ? []
      : [
          wrong(
            `It has no setting ${connection} with a plain value.`,
            `Name the setting that holds the instance in workloads.${name}.connection.`,
          ),
        ]),
    ...reasons.map((why) => wrong(why, 'Pause it before the cutover, or the bot refuses to go on.')),
  ];
}
