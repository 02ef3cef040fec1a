import type { Finding, Reach } from './finding.ts';
import { serverRights } from './rights.ts';

/** What only an existing destination can answer: its extensions, its collations, and the bot's rights there. */
export async function destinationFindings(source: Reach, destination: Reach, databases: readonly string[]): Promise<readonly Finding[]> {
  const there = await destination.database('postgres');
  const findings: Finding[] = (await serverRights(there)).map((finding) => ({
    ...finding,
    message: `On the destination: ${finding.message}`,
  }));
  const available = await there.look<{ name: string; version: string }>(
    'select name::text, default_version as version from pg_available_extensions',
  );
  const collations = await there.look<{ collation: string }>(
    'select distinct collcollate as collation from pg_collation where collcollate is not null',
  );
  for (const database of databases) {
    const sql = await source.database(database);
    const used = await sql.look<{ name: string; version: string }>(`select extname::text as name, extversion as version from pg_extension`);
    for (const extension of used) {
      const offered = available.find((entry) => entry.name === extension.name);
      if (!offered)
        findings.push({
          severity: 'blocks',
          code: 'extension.unavailable',
          database,
          object: extension.name,
          message: `Extension ${extension.name} is not available on the destination.`,
          remedy: 'Drop the extension, or choose a version that has it.',
        });
      else if (offered.version !== extension.version)
        findings.push({
          severity: 'note',
          code: 'extension.version',
          database,
          object: extension.name,
          message: `Extension ${extension.name} goes from ${extension.version} to ${offered.version}.`,
          remedy: 'Read its release notes.',
        });
    }
    const [locale] = await sql.look<{ collate: string; libc: boolean }>(
      `select datcollate as collate, datlocprovider = 'c' as libc from pg_database where datname = current_database()`,
    );
    const known = (name: string) => name.toLowerCase().replaceAll('-', '');
    if (
      locale?.libc &&
      !['C', 'POSIX'].includes(locale.collate) &&
      !collations.some((entry) => known(entry.collation) === known(locale.collate))
    )
      findings.push({
        severity: 'blocks',
        code: 'database.locale-unavailable',
        database,
        object: locale.collate,
        message: `Database ${database} has collation ${locale.collate}, which the destination does not have.`,
        remedy: 'Move the database to a collation that Cloud SQL supports in both versions.',
      });
  }
  return findings;
}
