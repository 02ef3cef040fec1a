import type { ParseArgsConfig, parseArgs } from 'node:util';
import { Refused } from './errors.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed = ReturnType<typeof parseArgs<{ readonly options: Options; readonly allowPositionals: true }>>;
export interface Tool {
  /** The first line is the list's. */
  readonly usage: string;
  readonly options: Options;
  /** These arguments are meant for the verb of the same name. */
  readonly also?: (args: readonly string[]) => boolean;
  /** Gives the exit code. */
  run(parsed: Parsed, variables: Readonly<Record<string, string | undefined>>): Promise<number>;
}
const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean' } as const;

function one(parsed: Parsed, name: string): string | undefined {
  const value = parsed.values[name];
  return typeof value === 'string' ? value : undefined;
}
function many(parsed: Parsed, name: string): readonly string[] | undefined {
  const value = parsed.values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}
function needed(parsed: Parsed, name: string): string {
  const value = one(parsed, name);
  if (value === undefined) throw new Refused('arguments.invalid', `--${name} is missing.`);
  return value;
}

function whole(parsed: Parsed, name: string, otherwise: number, most: number): number {
  const value = Number(one(parsed, name) ?? otherwise);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Refused('arguments.invalid', `--${name} takes a whole number from 1 to ${most}.`);
  return value;
}

const validate: Tool = {
  usage: `validate --source DSN --destination DSN   compare two databases: exit 0 equal, 1 different, 2 could not compare
  [--schema NAME]… [--table SCHEMA.TABLE]… [--rows | --schema-only] [--live] [--slot NAME]… [--jobs N] [--throttle PERCENT] [--json] [--out DIR]

  --source, --destination   postgres://user:password@host:5432/database; the password may come from PGPASSWORD
  --schema, --table         only these; a name is quoted as in SQL where it has capitals or odd signs
  --rows                    only the rows, and which tables one side lacks
  --schema-only             everything but the rows
  --live                    changes flow from the source to the destination: what differs is looked at again after an LSN barrier,
                            what keeps moving is no difference
  --slot                    the source's slots that must confirm the barrier; without it those of plugin pglogical_output
  --jobs                    connections on each side, 4
  --throttle                how much of its time each connection may work, 1 to 100; for a source under load
  --json                    the whole verdict for programs, with the peak memory of this process
  --out                     a directory for differences.csv and differences.jsonl: every row and object that differs

  It only reads: read-only sessions, lock_timeout 2 s, a statement_timeout for each part, cancelled on both servers by Ctrl-C.
  Exit codes: 0 equal, 1 different, 2 something could not be compared (it is named, with the reason).`,
  options: {
    source: text,
    destination: text,
    schema: texts,
    table: texts,
    rows: flag,
    'schema-only': flag,
    live: flag,
    slot: texts,
    jobs: text,
    throttle: text,
    json: flag,
    out: text,
  },
  also: (args) => !args.some((arg) => arg.startsWith('--source') || arg.startsWith('--destination')),
  async run(parsed) {
    const { validateStandalone } = await import('./validator/standalone.ts');
    const interrupt = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());
    const [schemas, tables, slots, outDir] = [many(parsed, 'schema'), many(parsed, 'table'), many(parsed, 'slot'), one(parsed, 'out')];
    const jobs = whole(parsed, 'jobs', 4, 64);
    const throttle = whole(parsed, 'throttle', 100, 100);
    const answer = await validateStandalone({
      source: needed(parsed, 'source'),
      destination: needed(parsed, 'destination'),
      ...(schemas ? { schemas } : {}),
      ...(tables ? { tables } : {}),
      ...(slots ? { slots } : {}),
      ...(outDir === undefined ? {} : { outDir }),
      rowsOnly: parsed.values['rows'] === true,
      schemaOnly: parsed.values['schema-only'] === true,
      live: parsed.values['live'] === true,
      json: parsed.values['json'] === true,
      jobs,
      throttle,
      ...(process.stderr.isTTY ? { onProgress: (line: string) => void process.stderr.write(`\r\u001B[K${line}`) } : {}),
      signal: interrupt.signal,
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
    console.log(answer.text);
    return answer.exitCode;
  },
};

const preflight: Tool = {
  usage: `preflight --source DSN --to 17             look at a source, read-only: exit 0 nothing blocks, 1 something blocks, 2 could not look
  [--json]`,
  options: { source: text, to: text, json: flag },
  also: (args) => !args.some((arg) => arg.startsWith('--source')),
  async run(parsed) {
    const { preflightStandalone } = await import('./postgres/preflight.ts');
    const to = Number(needed(parsed, 'to'));
    if (!Number.isInteger(to) || to < 10) throw new Refused('arguments.invalid', '--to takes a major version, for instance 17.');
    const findings = await preflightStandalone({ dsn: needed(parsed, 'source'), to });
    const blocks = findings.filter(({ severity }) => severity === 'blocks').length;
    if (parsed.values['json'] === true) console.log(JSON.stringify({ blocks, findings }, null, 2));
    else {
      for (const { severity, database, object, message, handledBy, remedy } of findings)
        console.log(
          `${severity.padEnd(7)} ${[database, object].filter(Boolean).join(' ')}: ${message}${severity === 'handled' ? ` Handled by ${handledBy}.` : ` ${remedy}`}`,
        );
      console.log(blocks === 0 ? `Nothing blocks; ${findings.length} findings.` : `${blocks} of ${findings.length} findings block.`);
    }
    return blocks === 0 ? 0 : 1;
  },
};

const migrateRoles: Tool = {
  usage: `migrate-roles --destination DSN --users JSON   grant read or write to users: [{"username": …, "roleType": "read"|"write"}]
  [--schema NAME]… [--dry-run] [--json]; ROLES_MIGRATOR_USERS is read where --users is absent`,
  options: { destination: text, users: text, schema: texts, 'dry-run': flag, json: flag },
  async run(parsed, variables) {
    const [{ migrateRoles: migrate }, { parseGrantees }] = await Promise.all([
      import('./postgres/roles-migrator.ts'),
      import('./config/grantees.ts'),
    ]);
    const schemas = many(parsed, 'schema');
    const dryRun = parsed.values['dry-run'] === true;
    const report = await migrate({
      dsn: needed(parsed, 'destination'),
      users: parseGrantees(one(parsed, 'users') ?? variables['ROLES_MIGRATOR_USERS']),
      ...(schemas ? { schemas } : {}),
      dryRun,
    });
    console.log(parsed.values['json'] === true ? JSON.stringify(report, null, 2) : statements(report.database, report.statements, dryRun));
    return 0;
  },
};

const migrateOwnership: Tool = {
  usage: `migrate-ownership --destination DSN --from ROLE --to ROLE   hand everything over, in every database of the server
  [--dry-run] [--json]`,
  options: { destination: text, from: text, to: text, 'dry-run': flag, json: flag },
  async run(parsed) {
    const { migrateOwnership: migrate } = await import('./postgres/ownership-migrator.ts');
    const dryRun = parsed.values['dry-run'] === true;
    const report = await migrate({ dsn: needed(parsed, 'destination'), from: needed(parsed, 'from'), to: needed(parsed, 'to'), dryRun });
    if (parsed.values['json'] === true) console.log(JSON.stringify(report, null, 2));
    else
      console.log(
        report.databases.map(({ database, statements: list }) => statements(database, list, dryRun)).join('\n') ||
          'Nothing is owned by that role.',
      );
    return dryRun || report.left.length === 0 ? 0 : 1;
  },
};

function statements(database: string, list: readonly string[], dryRun: boolean): string {
  if (list.length === 0) return `${database}: nothing to do.`;
  return [`-- ${database}: ${dryRun ? 'would run' : 'ran'}`, ...list.map((statement) => `${statement};`)].join('\n');
}

const giveBackWrites: Tool = {
  usage: 'give-back-writes ENVIRONMENT [--service NAME]   the emergency exit: works with Slack, Redis and the worker dead',
  options: { service: text },
  async run(parsed, variables) {
    const [environment] = parsed.positionals;
    if (environment === undefined)
      throw new Refused('arguments.invalid', 'Name the environment, for instance: npx pgupgrade give-back-writes staging');
    const { giveBackWrites: giveBack } = await import('./give-back-writes.ts');
    const service = one(parsed, 'service');
    for (const line of await giveBack({ environment, ...(service === undefined ? {} : { service }), variables })) console.log(line);
    return 0;
  },
};

const doctor: Tool = {
  usage: `doctor [ENVIRONMENT]                       look, read-only, whether everything a run needs is there: exit 0 all well, 1 something is wrong, 2 could not look
  [--json]; reads the same environment variables as the bot`,
  options: { json: flag },
  async run(parsed, variables) {
    const [{ examine }, { exitCodeOf, printed }] = await Promise.all([import('./doctor/doctor.ts'), import('./doctor/findings.ts')]);
    const [environment] = parsed.positionals;
    const findings = await examine({ variables, ...(environment === undefined ? {} : { environment }) });
    const exitCode = exitCodeOf(findings);
    console.log(parsed.values['json'] === true ? JSON.stringify({ exitCode, findings }, null, 2) : printed(findings));
    return exitCode;
  },
};

const takeOver: Tool = {
  usage:
    'takeover RUN [--environment NAME] [--service NAME]   what is left to do of a run, as psql, gcloud and kubectl lines, when the bot is dead',
  options: { environment: text, service: text },
  async run(parsed, variables) {
    const [run] = parsed.positionals;
    if (run === undefined) throw new Refused('arguments.invalid', 'Name the run, for instance: npx pgupgrade takeover PG-1');
    const { takeover } = await import('./takeover.ts');
    const [environment, service] = [one(parsed, 'environment'), one(parsed, 'service')];
    const named = { ...(environment === undefined ? {} : { environment }), ...(service === undefined ? {} : { service }) };
    for (const line of await takeover({ run: run.toUpperCase(), ...named, variables })) console.log(line);
    return 0;
  },
};

/** What works by itself, by its name on the command line. */
export const tools: Readonly<Record<string, Tool>> = {
  validate,
  preflight,
  'migrate-roles': migrateRoles,
  'migrate-ownership': migrateOwnership,
  'give-back-writes': giveBackWrites,
  doctor,
  takeover: takeOver,
};
