import { escapeIdentifier, escapeLiteral } from 'pg';

/** A name as SQL: always quoted, so that case, dots and `@` survive. */
export function identifier(name: string): string {
  return escapeIdentifier(name);
}

/** `"schema"."name"` */
export function qualified(schema: string, name: string): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
}

/** A string constant. Only where the grammar takes no parameter (utility statements); everywhere else values are parameters. */
export function literal(value: string): string {
  return escapeLiteral(value);
}
