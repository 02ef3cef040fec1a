const mostNames = 10;

/** A name for people and for comparing: quoted where SQL would need it, by one rule for all server versions (quote_ident's list of keywords grows). */
export function shownName(...parts: readonly string[]): string {
  return parts.map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');
}

/** The first ten, and how many more. */
export function someOf(names: readonly string[]): string {
  return names.length > mostNames ? `${names.slice(0, mostNames).join(', ')} and ${names.length - mostNames} more` : names.join(', ');
}

/**
 * SQL: is this schema one that users own? Temporary and system schemas, pglogical's and the ones that the upgrade itself makes are not compared.
 * `column` is the SQL of the schema's name.
 */
export function userSchema(column: string): string {
  return `(${column} !~ '^(pg_|pglogical|pgupgrade)' and ${column} <> 'information_schema')`;
}

/** SQL: the object does not belong to an extension (the extension itself is compared). */
export function notOfExtension(catalogue: string, oid: string): string {
  return `not exists (select from pg_depend dep where dep.classid = 'pg_catalog.${catalogue}'::regclass and dep.objid = ${oid} and dep.deptype = 'e')`;
}
