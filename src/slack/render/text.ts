/** Text for Slack's mrkdwn. Everything that came from outside goes through `safe`; nothing here reads a clock. */

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Slack's three entities. `<!channel>` in a table's name then mentions nobody. Line breaks become spaces. */
export function safe(text: string): string {
  return text
    .replace(/[&<>]/g, (sign) => entities[sign] ?? sign)
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replaceAll('```', 'ʼʼʼ');
}

/** A name in monospace. A backtick inside would end it, so it becomes an apostrophe; Slack refuses an empty one. */
export function code(text: string): string {
  return `\`${safe(text).replaceAll('`', 'ʼ') || '–'}\``;
}

/** At most `max` characters of finished mrkdwn, never through an entity, a mention, a surrogate pair or an open backtick. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  let kept = text.slice(0, Math.max(0, max - 2));
  if (/[\uD800-\uDBFF]$/.test(kept)) kept = kept.slice(0, -1);
  kept = kept.replace(/&[a-z]{0,3}$/, '').replace(/<[^<>]*$/, '');
  const open = (kept.match(/`/g)?.length ?? 0) % 2 === 1;
  return `${kept}…${open ? '`' : ''}`;
}

/** Plain text (titles, button labels): not escaped, on one line, cut at a code point. */
export function plain(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const points = [...line];
  if (line.length <= max) return line || '–';
  let kept = '';
  for (const point of points) {
    if (kept.length + point.length > max - 1) break;
    kept += point;
  }
  return `${kept}…`;
}

/** Whole lines up to `max` characters; what is left out is counted in a last line. */
export function wholeLines(lines: readonly string[], max: number): { readonly text: string; readonly left: number } {
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    const short = cut(line, Math.min(max - 40, 900));
    if (length + short.length + 1 > max - 40) break;
    kept.push(short);
    length += short.length + 1;
  }
  const left = lines.length - kept.length;
  return { text: [...kept, ...(left > 0 ? [`… ${left} more`] : [])].join('\n'), left };
}

/** Lines as they are (SQL, patches) in a code block of at most `max` characters. */
export function codeBlock(lines: readonly string[], max: number): { readonly text: string; readonly left: number } {
  const clean = lines.flatMap((line) => line.split(/\r?\n/)).map((line) => safe(line).replaceAll('`', 'ʼ'));
  const { text, left } = wholeLines(clean, max - 8);
  return { text: `\`\`\`\n${text || '–'}\n\`\`\``, left };
}

/** `█████░░░░░ 52 %`; in code so that it is monospaced everywhere. */
export function bar(fraction: number, width = 20): string {
  const part = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
  const full = Math.floor(part * width);
  return `\`${'█'.repeat(full)}${'░'.repeat(width - full)}\` ${Math.floor(part * 100)} %`;
}

/** `84 ms`, `3.2 s`, `41 s`, `2m 40s`, `1h 05m`, `3d 4h`. */
export function duration(ms: number): string {
  const time = Math.max(0, Math.round(ms));
  if (time < 1_000) return `${time} ms`;
  if (time < 10_000) return `${(time / 1_000).toFixed(1)} s`;
  const s = Math.round(time / 1_000);
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, '0')}s`;
  if (s < 86_400) return `${Math.floor(s / 3_600)}h ${String(Math.floor((s % 3_600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3_600)}h`;
}

/** A moment in each reader's own time zone; the fallback is UTC. */
export function time(at: number, form: '{time}' | '{time_secs}' | '{date_short_pretty} {time}' = '{time}'): string {
  const iso = new Date(at).toISOString();
  const fallback = form === '{date_short_pretty} {time}' ? `${iso.slice(0, 16).replace('T', ' ')} UTC` : `${iso.slice(11, 19)} UTC`;
  return `<!date^${Math.floor(at / 1_000)}^${form}|${fallback}>`;
}

/** A person or a group as a mention: Slack ids are mentioned, `terminal:ana` and anything else is shown as text. */
export function who(id: string): string {
  if (/^[UW][A-Z0-9]{2,}$/.test(id)) return `<@${id}>`;
  if (/^S[A-Z0-9]{2,}$/.test(id)) return `<!subteam^${id}>`;
  return id === 'bot' ? 'the bot' : safe(id);
}

/** The engine's sentences name people by their ids; Slack shows names for mentions. */
export function mentions(text: string): string {
  return safe(text).replace(/\b[UW](?=[A-Z]*\d)[A-Z0-9]{5,}\b/g, (id) => who(id));
}

/** `@a`, `@a and @b`, `@a, @b and @c`. */
export function people(ids: readonly string[]): string {
  const names = ids.map(who);
  return names.length < 2 ? (names[0] ?? 'nobody') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `3.2 MB`, powers of 1024. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 10 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
