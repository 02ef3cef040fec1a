/** What a person typed after `/pgupgrade`, taken apart; or a button, as the verb that it stands for. */
export interface Invocation {
  /** Lower case; `''`: nothing was typed. */
  readonly verb: string;
  readonly words: readonly string[];
  /** `--to=17` → `17`; `--dry-run` → `true`. Names in lower case. */
  readonly flags: Readonly<Record<string, string | true>>;
  /** The question of the card that was pressed. Typed words never carry it. */
  readonly question?: Question;
  /** When the failure was told whose message was pressed, in ms since the epoch. Typed words never carry it. */
  readonly failure?: number;
}
export interface Question {
  readonly gate: string;
  readonly nonce: string;
}
interface Token {
  readonly text: string;
  /** It began with a quote: never a flag. */
  readonly quoted: boolean;
}

const opening = `"'“”„‘’«`;
const closers: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”"“', '”': '”"', '„': '“”"', '‘': '’‘', '’': '’', '«': '»' };

/** A dotted SQL name with a quoted part, as the bot prints it: `"Capitals"."my table"`; a telephone's quotes count too. */
const dottedName = /(?:(?:["“”„](?:[^"“”„]|"")*["“”]|[^\s."“”„]+)\.)+(?:["“”„](?:[^"“”„]|"")*["“”]|[^\s."“”„]+)(?=\s|$)/y;

/**
 * Slack escapes three signs, gives mentions as `<@U1|ana>` (`should_escape`) and rewrites what looks like an address:
 * the id and the address are what is meant; of a bare `www.a.b` or `ana@a.b` what the person saw.
 */
function plainText(text: string): string {
  return text
    .replace(/<[@#!]([A-Z0-9]{2,})(\|[^>]*)?>/g, '$1')
    .replace(/<!subteam\^([A-Z0-9]+)(\|[^>]*)?>/g, '$1')
    .replace(/<(?:mailto|tel):[^|>\s]+\|([^>]*)>/g, '$1')
    .replace(/<((?:https?|mailto|tel):[^|>\s]+)(\|[^>]*)?>/g, (_, address: string, label = '') =>
      // A bare name such as inapp.example was never an address: Slack made one of it.
      label !== '' && address === `http://${label.slice(1)}` ? label.slice(1) : address,
    )
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** The dotted name that begins here, with plain quotes; without a quoted part it is a word like any other. */
function nameAt(text: string, at: number): { readonly name: string; readonly end: number } | undefined {
  dottedName.lastIndex = at;
  const [found = ''] = dottedName.exec(text) ?? [];
  if (!/["“”„]/.test(found)) return undefined;
  return { name: found.replace(/[“”„]/g, '"'), end: at + found.length };
}

/**
 * Splits at spaces; quotes, typographic ones included, hold words together where a word or a flag's value begins. Those of
 * a dotted name stay: they are part of the name.
 */
function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  let word = '';
  let close: string | undefined;
  let quoted = false;
  const push = () => {
    if (word !== '' || quoted) found.push({ text: word, quoted });
    word = '';
    quoted = false;
  };
  let skipTo = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (at < skipTo) continue;
    const sign = text.charAt(at);
    const name = close === undefined && word === '' && !quoted ? nameAt(text, at) : undefined;
    if (name) {
      found.push({ text: name.name, quoted: true });
      skipTo = name.end;
    } else if (close !== undefined) {
      if (close.includes(sign)) close = undefined;
      else word += sign;
    } else if (opening.includes(sign) && (word === '' || /^(?:--?|[—–]-?)[\w-]+=$/.test(word))) {
      close = closers[sign];
      quoted = word === '';
    } else if (/\s/.test(sign)) push();
    else word += sign;
  }
  push();
  return found;
}

/** Quotes, flags and mentions. A long dash is `--`: telephones make one from the other. `valued` flags may take the next word. */
export function parse(text: string, valued: readonly string[]): Invocation {
  return assemble(
    tokens(plainText(text)).map((token) => (token.quoted ? token : { ...token, text: token.text.replace(/^[—–]-?(?=[a-z])/i, '--') })),
    valued,
  );
}

/** The argv of a terminal, where the shell has already split and unquoted. */
export function parseArgv(argv: readonly string[], valued: readonly string[]): Invocation {
  return assemble(
    argv.map((text) => ({ text, quoted: false })),
    valued,
  );
}

function assemble(all: readonly Token[], valued: readonly string[]): Invocation {
  const words: string[] = [];
  const flags: Record<string, string | true> = Object.create(null);
  for (let at = 0; at < all.length; at += 1) {
    const token = all[at];
    if (!token) continue;
    const flag = /^--([a-z][\w-]*)(?:=([\s\S]*))?$/i.exec(token.text);
    if (!flag || token.quoted) {
      words.push(token.text);
      continue;
    }
    const name = (flag[1] ?? '').toLowerCase();
    const following = all[at + 1];
    if (flag[2] !== undefined) flags[name] = flag[2];
    else if (valued.includes(name) && following && !following.text.startsWith('--')) {
      flags[name] = following.text;
      at += 1;
    } else flags[name] = true;
  }
  const [verb = '', ...rest] = words;
  return { verb: verb.toLowerCase(), words: rest, flags: { ...flags } };
}

/** The known word nearest to what was typed, if it is near enough to be meant. */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const prefixed = typed.length >= 2 ? known.filter((word) => word.startsWith(typed)) : [];
  if (prefixed.length === 1) return prefixed[0];
  // Far too long to be any of them: not worth a square of work.
  if (typed.length > 64) return undefined;
  const [best] = known.map((word) => ({ word, far: distance(typed, word) })).sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(1, Math.floor(best.word.length / 3)) ? best.word : undefined;
}

/** Letters to add, drop, change or swap with their neighbour. */
function distance(a: string, b: string): number {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const cell = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1)
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, cell(i - 2, j - 2) + 1);
      const row = rows[i];
      if (row) row[j] = best;
    }
  return cell(a.length, b.length);
}
