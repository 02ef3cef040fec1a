/** A word of SQL: a string, a quoted name, a dollar-quoted body, a word or number, `::`, or one sign. Blanks between them are gone. */
const token = /(?:[eE]|[bBxX])?'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|[\p{L}\p{N}_$]+(?:\.\d+)?|::|\S/gu;

export function tokensOf(sql: string): string[] {
  // 16 and later never quote the type json, earlier ones do when every identifier is quoted; unquoted it is the same name.
  return (sql.match(token) ?? []).map((each) => (each === '"json"' ? 'json' : each));
}

/** For people: names are quoted only where they need it; strings stay as they are. */
export function unquoted(sql: string): string {
  return sql.replace(token, (each) => each.replace(/^"([a-z_][a-z0-9_$]*)"$/, '$1'));
}

/**
 * 16 and later leave out the qualifiers of columns (`x.id`) that 15 prints (measured), so across that border they are removed on
 * both sides. A schema's name stays, unless the text also has it as an alias or a table's name: what it then no longer tells, the list
 * of what the object refers to does.
 */
export function withoutQualifiers(tokens: readonly string[], schemas: ReadonlySet<string>): string[] {
  const quoted = (each: string | undefined) => each?.startsWith('"') === true;
  const alone = new Set(tokens.filter((each, i) => quoted(each) && tokens[i + 1] !== '.'));
  const kept: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const each = tokens[i] ?? '';
    const qualifies = quoted(each) && tokens[i + 1] === '.' && (quoted(tokens[i + 2]) || tokens[i + 2] === '*');
    const name = each.slice(1, -1).replaceAll('""', '"');
    if (qualifies && (!schemas.has(name) || alone.has(each))) i++;
    else kept.push(each);
  }
  return kept;
}
