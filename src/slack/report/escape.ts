/** Text inside HTML and its attributes. */
export function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Text inside a Markdown table or paragraph: on one line, with no sign that Markdown or HTML reads. */
export function markdown(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replace(/[\\`*_[\]|#]/g, (sign) => `\\${sign}`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

/** `2026-11-22 10:04:09`, UTC. */
export function moment(at: number | undefined): string {
  return at === undefined ? '' : new Date(at).toISOString().replace('T', ' ').slice(0, 19);
}
