import { majorVersion, objectOwners, roleExists, schemas, tables } from '../catalogue.ts';
import type { Sql } from '../types.ts';
import type { Expected, Finding } from './finding.ts';

/** The instance against the service file: versions, databases, owners, and the roles that will not exist on the destination. */
export async function instanceAgainstFile(sql: Sql, expected: Expected, databases: readonly string[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const major = await majorVersion(sql);
  if (expected.to <= major)
    findings.push(
      blocks(
        'version.not-above',
        `version ${major}`,
        `The source is at version ${major}; ${expected.to} is not above it.`,
        'Choose a higher version.',
      ),
    );
  if (expected.from !== undefined && expected.from !== major)
    findings.push(
      blocks(
        'version.unexpected',
        `version ${major}`,
        `The source is at version ${major}; the service file says ${expected.from}.`,
        'Correct currentVersion in the service file.',
      ),
    );
  const named = expected.databases;
  if (named === undefined) return [...findings, ...(await roleSettings(sql, expected))];
  for (const database of databases)
    if (database !== 'postgres' && !(database in named))
      findings.push(
        blocks(
          'database.unnamed',
          database,
          `Database ${database} is not in the service file, and Database Migration Service takes every database of the instance.`,
          'Add it to `databases`, or move it elsewhere.',
        ),
      );
  for (const [database, { owner }] of Object.entries(named)) {
    if (!databases.includes(database))
      findings.push(
        blocks(
          'database.missing',
          database,
          `Database ${database} of the service file is not on the source.`,
          'Correct `databases` in the service file.',
        ),
      );
    if (!(await roleExists(sql, owner)))
      findings.push(
        blocks(
          'owner.missing',
          owner,
          `There is no role ${owner}, the owner of database ${database} in the service file.`,
          'Correct `owner` in the service file.',
        ),
      );
  }
  return [...findings, ...(await roleSettings(sql, expected)), ...(await rolesOutsideFile(sql, expected))];
}

/** One database against the service file: its schemas, its tables without a primary key, its types. */
export async function databaseAgainstFile(sql: Sql, expected: Expected): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const named = expected.databases?.[sql.database]?.schemas;
  const present = (await schemas(sql)).map((schema) => schema.name);
  const own = await tables(sql);
  for (const schema of named ?? [])
    if (!present.includes(schema))
      findings.push(
        blocks(
          'schema.missing',
          schema,
          `Schema ${schema} of the service file is not in database ${sql.database}.`,
          'Correct `schemas` in the service file.',
        ),
      );
  for (const schema of named === undefined ? [] : present)
    if (!named?.includes(schema) && own.some((table) => table.schema === schema))
      findings.push(
        blocks(
          'schema.unnamed',
          schema,
          `Schema ${schema} has tables and is not in the service file; the migration's user would not be granted on them.`,
          'Add it to `schemas` of the database.',
        ),
      );
  for (const table of own.filter((entry) => entry.kind === 'r' && !entry.primaryKey)) {
    const object = `${table.schema}.${table.name}`;
    const planned = expected.primaryKeys !== undefined && object in expected.primaryKeys;
    findings.push({
      severity: planned ? 'handled' : 'blocks',
      code: 'table.no-primary-key',
      object,
      message: `${object} has no primary key; its updates and deletes are not migrated.`,
      ...(planned ? { handledBy: 'add-missing-primary-keys' } : {}),
      remedy: planned
        ? 'The column of the service file is added.'
        : 'Add a primary key, or name the table under `primaryKeys` in the service file.',
    });
  }
  const types = expected.databases === undefined || named !== undefined ? (expected.customTypes ?? []) : [];
  const found =
    types.length === 0 ? [] : await sql.look<{ typname: string }>('select typname from pg_type where typname = any($1)', [types]);
  for (const type of types)
    if (!found.some((row) => row.typname === type))
      findings.push({
        ...blocks(
          'type.missing',
          type,
          `Type ${type} of the service file is not in database ${sql.database}.`,
          'Correct `customTypes` in the service file.',
        ),
        severity: Object.keys(expected.databases ?? {}).length > 1 ? 'note' : 'blocks',
      });
  return findings;
}

/** `ALTER ROLE … IN DATABASE … SET` is in the dump; without the role on the destination the load fails. */
async function roleSettings(sql: Sql, expected: Expected): Promise<readonly Finding[]> {
  const rows = await sql.look<{ role: string; database: string; settings: string }>(
    `select pg_get_userbyid(setrole) as role, datname as database, array_to_string(array(select split_part(c, '=', 1) from unnest(setconfig) c), ', ') as settings
       from pg_db_role_setting join pg_database d on d.oid = setdatabase where setrole <> 0 order by 1, 2`,
  );
  return rows.map(({ role, database, settings }) => {
    const made = expected.users?.includes(role) ?? false;
    return {
      severity: made ? ('handled' as const) : ('blocks' as const),
      code: 'role.setting-in-database',
      database,
      object: role,
      message: `${role} has settings of its own in database ${database} (${settings}); the load fails where the role does not exist.`,
      ...(made ? { handledBy: 'create-destination-users' } : {}),
      remedy: made ? 'The user is made before the load.' : 'Add the user to `databaseUsers`, or ALTER ROLE … IN DATABASE … RESET ALL.',
    };
  });
}

/** Who can log in to the source and will not be there on the destination. */
async function rolesOutsideFile(sql: Sql, expected: Expected): Promise<readonly Finding[]> {
  const rows = await sql.look<{ role: string }>(
    `select rolname as role from pg_roles where rolcanlogin and not rolsuper and rolname !~ '^(cloudsql|pg_)'
       and rolname not in ('postgres', 'migration', 'wayback') and rolname <> all($1::text[]) and rolname <> current_user order by 1`,
    [expected.users ?? []],
  );
  return rows.map(({ role }) => ({
    severity: 'note' as const,
    code: 'role.unnamed',
    object: role,
    message: `${role} can log in to the source and is not in the service file; it will not exist on the destination.`,
    remedy: 'Add it to `databaseUsers` if somebody needs it.',
  }));
}

/** Owners of what is in the schemas to migrate, with the databases where they own something. */
export async function ownersOf(sql: Sql, expected: Expected): Promise<readonly string[]> {
  return objectOwners(sql, expected.databases?.[sql.database]?.schemas);
}

function blocks(code: string, object: string, message: string, remedy: string): Finding {
  return { severity: 'blocks', code, object, message, remedy };
}
