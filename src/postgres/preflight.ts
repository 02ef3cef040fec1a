import { openServer } from './dsn.ts';
import { databaseChecks } from './preflight/checks-of-databases.ts';
import { serverChecks } from './preflight/checks-of-server.ts';
import { tableChecks } from './preflight/checks-of-tables.ts';
import { destinationFindings } from './preflight/destination.ts';
import type { Check, Expected, Finding, Reach } from './preflight/finding.ts';
import { databaseAgainstFile, instanceAgainstFile, ownersOf } from './preflight/names.ts';
import { replicationFindings } from './preflight/replication.ts';
import { databaseRights, serverRights } from './preflight/rights.ts';
import type { Sql } from './types.ts';

/**
 * Everything that the source's catalogues say about a later failure or a loss of data: read-only, worst first.
 * `destination` where it exists already: its extensions and collations are compared too.
 */
export async function preflightFindings(source: Reach, expected: Expected, destination?: Reach): Promise<readonly Finding[]> {
  const databases = await source.databases();
  const home = await source.database(databases.includes('postgres') ? 'postgres' : (databases[0] ?? 'postgres'));
  const findings: Finding[] = [
    ...(await instanceAgainstFile(home, expected, databases)),
    ...(await serverRights(home)),
    ...(await runChecks(home, serverChecks)),
    ...(await replicationFindings(home, databases.length)),
  ];
  for (const name of databases) {
    const sql = await source.database(name);
    const here = [
      ...(await runChecks(sql, tableChecks)),
      ...(await runChecks(sql, databaseChecks)),
      ...(await pglogicalNode(sql)),
      ...(await databaseAgainstFile(sql, expected)),
      ...(await databaseRights(sql, await ownersOf(sql, expected))),
    ];
    findings.push(...here.map((finding) => ({ database: name, ...finding })));
  }
  if (destination) findings.push(...(await destinationFindings(source, destination, databases)));
  const order = { blocks: 0, handled: 1, note: 2 } as const;
  return findings.sort((a, b) => order[a.severity] - order[b.severity]);
}

/** The same with nothing but a DSN: its server, every database that it has. */
export async function preflightStandalone(request: { readonly dsn: string; readonly to: number }): Promise<readonly Finding[]> {
  const server = openServer({ dsn: request.dsn, side: 'source', applicationName: 'pgupgrade/preflight', readOnly: true });
  try {
    return await preflightFindings(server, { to: request.to });
  } finally {
    await server.close();
  }
}

async function runChecks(sql: Sql, checks: readonly Check[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    const rows = await sql.look<{ object: string; detail: string }>(check.query);
    for (const row of rows)
      findings.push({
        severity: check.severity,
        code: check.code,
        object: row.object,
        message: check.message(row),
        ...(check.handledBy === undefined ? {} : { handledBy: check.handledBy }),
        remedy: check.remedy,
      });
  }
  return findings;
}

/** Apart from the checks because pglogical's table is there only with the extension, and readable only with its grants. */
async function pglogicalNode(sql: Sql): Promise<readonly Finding[]> {
  const [readable] = await sql.look<{ yes: boolean | null }>(
    `select has_schema_privilege(oid, 'usage') and has_table_privilege(to_regclass('pglogical.node'), 'select') as yes from pg_namespace where nspname = 'pglogical'`,
  );
  if (!readable?.yes) return [];
  const nodes = await sql.look<{ node_name: string }>('select node_name::text from pglogical.node');
  return nodes.map(({ node_name }) => ({
    severity: 'blocks' as const,
    code: 'pglogical.node-exists',
    object: node_name,
    message: `pglogical node ${node_name} is left by another replication; the migration job refuses that.`,
    remedy: 'If nothing uses it: select pglogical.drop_node(node_name, true) from pglogical.node.',
  }));
}
