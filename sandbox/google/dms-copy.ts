import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { externalSync } from './dms-demote.ts';
import { ActionFailed } from './dms-operations.ts';
import { dsn, type Ends, endsOf, jobId, onSource, type SourceFiles, shareCertificates, sourceDatabases, sourceDsn } from './dms-source.ts';
import { subscriptionsPerDatabase } from './dms-verify.ts';
import { asAdmin } from './postgres.ts';
import type { Google, JobState } from './state.ts';

/**
 * Schema by pg_dump, data and changes by pglogical subscriptions over TLS as the profile's user. Everything on the
 * source is done with that user's rights alone.
 */
export async function startCopy(google: Google, job: JobState): Promise<void> {
  const ends = endsOf(google, job);
  const files = await shareCertificates(google, job, ends);
  job.subscriptions = new Map();
  job.databases = await sourceDatabases(ends);
  for (const database of job.databases) await prepareDatabase(google, job, ends, files, database);
  // The role is grantable by `postgres` only while it is no superuser.
  await asAdmin(ends.destination, 'postgres', (client) => client.query(`alter role ${escapeIdentifier(externalSync)} nosuperuser`));
  for (const database of job.databases) await subscribe(job, ends, files, database);
}

async function prepareDatabase(google: Google, job: JobState, ends: Ends, files: SourceFiles, database: string): Promise<void> {
  const { destination } = ends;
  const name = escapeIdentifier(database);
  const locale = await onSource(ends, database, async (client) => {
    const found = await client.query(
      'select pg_encoding_to_char(encoding) as encoding, datcollate, datctype from pg_database where datname = current_database()',
    );
    return found.rows[0];
  });
  await asAdmin(destination, 'postgres', async (client) => {
    await client.query(`alter role ${escapeIdentifier(externalSync)} superuser`);
    const known = await client.query('select from pg_database where datname = $1', [database]);
    if (known.rowCount === 0)
      await client.query(
        `create database ${name} owner ${escapeIdentifier(externalSync)} template template0 encoding ${escapeLiteral(locale.encoding)}
         lc_collate ${escapeLiteral(locale.datcollate)} lc_ctype ${escapeLiteral(locale.datctype)}`,
      );
  });
  // Of the role that everything on the destination belongs to: pglogical looks into its schema with the rights of whoever drops a table.
  await asAdmin(destination, database, (client) =>
    client.query(`set role ${escapeIdentifier(externalSync)}; create extension if not exists pglogical; reset role`),
  );
  await copySchema(google, job, ends, files, database);
}

/** pg_dump of the destination's version from the source, piped into psql as `cloudsqlexternalsync`. */
async function copySchema(google: Google, job: JobState, ends: Ends, files: SourceFiles, database: string): Promise<void> {
  const { destination, source } = ends;
  const { host, port, username } = source.shown.postgresql ?? {};
  // Passwords and keys go by environment and file: arguments can be read in the process list.
  const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', PGAPPNAME: 'Database Migration Service' };
  const dump = spawn(
    google.fleet.program(destination.version, 'pg_dump'),
    [
      '--schema-only',
      '--no-owner',
      '--no-acl',
      '--no-publications',
      '--no-subscriptions',
      '--exclude-schema=pglogical',
      '--dbname',
      database,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...environment,
        PGHOST: host ?? '',
        PGPORT: String(port ?? 5432),
        PGUSER: username ?? '',
        PGPASSWORD: source.password,
        ...(source.certificates ? { PGSSLMODE: 'verify-ca', PGSSLROOTCERT: files.ca, PGSSLCERT: files.cert, PGSSLKEY: files.ownKey } : {}),
      },
    },
  );
  const restore = spawn(
    google.fleet.program(destination.version, 'psql'),
    ['--no-psqlrc', '--quiet', '--output=/dev/null', '--set=ON_ERROR_STOP=1', '--dbname', database],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: {
        ...environment,
        PGHOST: destination.host,
        PGPORT: String(destination.port),
        PGUSER: externalSync,
        PGPASSWORD: job.syncPassword ?? '',
        PGSSLMODE: 'require',
        PGOPTIONS: '-c client_min_messages=warning',
      },
    },
  );
  dump.stdout.pipe(restore.stdin);
  restore.stdin.on('error', () => undefined);
  const [dumped, restored] = await Promise.all([ended(dump), ended(restore)]);
  if (dumped || restored)
    throw new ActionFailed(`The schema of database ${database} could not be copied: ${dumped || restored}`, { code: 13 });
}

/** '' or what the program said when it failed. */
async function ended(child: ReturnType<typeof spawn>): Promise<string> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  return code === 0 ? '' : said.trim().split('\n').slice(-3).join(' ') || `exit ${String(code)}`;
}

const replicated = `select n.nspname as schema, c.relname as name,
    exists (select from pg_index i where i.indrelid = c.oid and (i.indisprimary or i.indisreplident)) as key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pglogical')
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by pg_relation_size(c.oid) desc, c.oid`;

async function subscribe(job: JobState, ends: Ends, files: SourceFiles, database: string): Promise<void> {
  const id = jobId(job);
  const sets = Array.from({ length: subscriptionsPerDatabase(job) }, (_, index) => `${id}_${index}`);
  const inserts = `${id}_inserts`;
  await onSource(ends, database, async (client) => {
    // A restart finds its own node and sets.
    await client.query('select pglogical.drop_replication_set(set_name) from pglogical.replication_set where set_name = any($1)', [
      [...sets, inserts],
    ]);
    const node = await client.query('select from pglogical.node where node_name = $1', [`${id}_source`]);
    const { host, port, username } = ends.source.shown.postgresql ?? {};
    const plain = dsn({ host: host ?? '', port: String(port ?? 5432), dbname: database, user: username ?? '' });
    if (node.rowCount === 0) await client.query('select pglogical.create_node(node_name := $1, dsn := $2)', [`${id}_source`, plain]);
    for (const set of sets) await client.query('select pglogical.create_replication_set($1)', [set]);
    await client.query('select pglogical.create_replication_set($1, replicate_update := false, replicate_delete := false)', [inserts]);
    const tables = (await client.query(replicated)).rows;
    for (const [index, { schema, name, key }] of tables.entries())
      await client.query(
        'select pglogical.replication_set_add_table(set_name := $1, relation := $2::text::regclass, synchronize_data := false)',
        [key ? sets[index % sets.length] : inserts, `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`],
      );
  });
  const { admin, host, port } = ends.destination;
  await asAdmin(ends.destination, database, async (client) => {
    // The table copies set session_replication_role, so they connect as the instance's own agent.
    const local = dsn({ host, port: String(port), dbname: database, user: admin.user, password: admin.password });
    await client.query('select pglogical.create_node(node_name := $1, dsn := $2)', [`${id}_destination`, local]);
    for (const [index, set] of sets.entries())
      await client.query(
        `select pglogical.create_subscription(subscription_name := $1, provider_dsn := $2, replication_sets := $3,
           synchronize_structure := false, synchronize_data := true)`,
        [set, sourceDsn(ends, files, database), index === 0 ? [set, inserts] : [set]],
      );
  });
  job.subscriptions.set(database, sets);
}
