/** One message of the output plugin test_decoding, without what a proof does not need. */
export type Change =
  | { readonly kind: 'begin' }
  | { readonly kind: 'commit' }
  /** A message, or a TRUNCATE: that gives the table another file, which is looked at. */
  | { readonly kind: 'other' }
  | {
      readonly kind: 'row';
      readonly schema: string;
      readonly name: string;
      /** Of the row before (where it is told) and after. Value as text, null, or undefined: it is stored apart and did not change. */
      readonly rows: readonly ReadonlyMap<string, string | null | undefined>[];
    };

/**
 * Reads a message as `test_decoding` prints it (contrib/test_decoding/test_decoding.c, 13 to 18): names as by quote_identifier,
 * `name[type]:value`, numbers bare, everything else in single quotes. Errors: on anything else, because a change that was misread
 * would be a row that nobody looks at again.
 */
export function readChange(text: string): Change {
  if (text.startsWith('BEGIN')) return { kind: 'begin' };
  if (text.startsWith('COMMIT')) return { kind: 'commit' };
  if (text.startsWith('message: ')) return { kind: 'other' };
  const reader = new Reader(text);
  reader.expect('table ');
  const schema = reader.name('.');
  reader.expect('.');
  const name = reader.name(':,');
  // Several tables: TRUNCATE.
  if (reader.takes(', ')) return { kind: 'other' };
  reader.expect(': ');
  const action = reader.upTo(':');
  if (action === 'TRUNCATE') return { kind: 'other' };
  if (!['INSERT', 'UPDATE', 'DELETE'].includes(action)) throw reader.error();
  reader.expect(':');
  const rows: Map<string, string | null | undefined>[] = [];
  while (!reader.atEnd()) {
    if (reader.takes(' (no-tuple-data)')) continue;
    if (reader.takes(' old-key:') || reader.takes(' new-tuple:') || rows.length === 0) rows.push(new Map());
    if (reader.atEnd() || reader.sees(' (no-tuple-data)') || reader.sees(' new-tuple:')) continue;
    const row = rows.at(-1);
    const [column, value] = reader.datum();
    row?.set(column, value);
  }
  return { kind: 'row', schema, name, rows };
}

class Reader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  atEnd(): boolean {
    return this.at >= this.text.length;
  }
  sees(what: string): boolean {
    return this.text.startsWith(what, this.at);
  }
  takes(what: string): boolean {
    if (!this.sees(what)) return false;
    this.at += what.length;
    return true;
  }
  expect(what: string): void {
    if (!this.takes(what)) throw this.error();
  }
  /** The row's values stay out of it. */
  error(): Error {
    return new Error(`the change feed says something unknown at character ${this.at} of a change of ${this.text.length}`);
  }

  upTo(end: string): string {
    const found = this.text.indexOf(end, this.at);
    if (found < 0) throw this.error();
    const part = this.text.slice(this.at, found);
    this.at = found;
    return part;
  }

  /** A name, quoted or up to one of `ends`. */
  name(ends: string): string {
    if (this.sees('"')) return this.quoted('"');
    const from = this.at;
    while (!this.atEnd() && !ends.includes(this.text.charAt(this.at))) this.at++;
    if (this.at === from) throw this.error();
    return this.text.slice(from, this.at);
  }

  /** Between two quotes; a doubled one stands for itself. */
  private quoted(quote: string): string {
    this.expect(quote);
    const parts: string[] = [];
    for (;;) {
      parts.push(this.upTo(quote));
      this.at++;
      if (!this.takes(quote)) return parts.join(quote);
    }
  }

  /** ` name[type]:value` */
  datum(): [column: string, value: string | null | undefined] {
    this.expect(' ');
    const column = this.name('[');
    this.expect('[');
    // A type's name may be quoted and hold anything; `integer[]` ends with brackets of its own.
    while (!this.takes(']:')) {
      if (this.atEnd()) throw this.error();
      if (this.sees('"')) this.quoted('"');
      else this.at++;
    }
    if (this.sees("'")) return [column, this.quoted("'")];
    if (this.takes("B'")) {
      this.at--;
      return [column, this.quoted("'")];
    }
    const from = this.at;
    const end = this.text.indexOf(' ', from);
    this.at = end < 0 ? this.text.length : end;
    const bare = this.text.slice(from, this.at);
    if (bare === 'null') return [column, null];
    return [column, bare === 'unchanged-toast-datum' ? undefined : bare];
  }
}
