/** Nothing secret reaches a channel: the last look before anything is sent. Steps are not trusted to have looked. */

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*)(PRIVATE KEY|CERTIFICATE)-----[\s\S]*?(-----END [A-Z ]*-----|$)/g, '[$2 removed]'],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@"'<>]+):[^\s@"'<>]+@/gi, '$1:•••@'],
  [/\b(password|passwd|pwd|secret|token|api[_-]?key)(["']?\s*[=:]\s*|\s+)('(?:[^']|'')*'|"[^"]*")/gi, '$1$2•••'],
  [/\b(password|passwd|pwd|api[_-]?key|access[_-]?token)(\s*=\s*)[^\s'"&,;<>]+/gi, '$1$2•••'],
  [/\bSCRAM-SHA-256\$[^\s"']+/g, '[password hash removed]'],
  [/\b(xox[abeoprs]|xapp|xwfp)-[A-Za-z0-9-]{4,}/g, '[Slack token removed]'],
  [/\bya29\.[\w.-]+/g, '[Google token removed]'],
  [/\bBearer\s+[\w.~+/-]{8,}=*/g, 'Bearer •••'],
];

/** Takes out passwords, keys, tokens and the credentials in DSNs; `mask` are further literal values to take out. */
export function redact(text: string, mask: readonly string[] = []): string {
  let clean = text;
  for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
  for (const value of mask) if (value.length >= 4) clean = clean.replaceAll(value, '•••');
  return clean;
}

/** The same for every string inside JSON: blocks, a report. Keys stay. */
export function redactDeep<T>(value: T, mask: readonly string[] = []): T {
  const walk = (one: unknown): unknown => {
    if (typeof one === 'string') return redact(one, mask);
    if (Array.isArray(one)) return one.map(walk);
    if (one !== null && typeof one === 'object') return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, walk(inner)]));
    return one;
  };
  return walk(value) as T;
}
