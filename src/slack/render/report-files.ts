import { partsText, type Report } from './report.ts';
import { duration } from './text.ts';

/** The report as files for the thread: a page for people, JSON for machines. */
export function reportFiles(report: Report): readonly { readonly name: string; readonly content: string }[] {
  return [
    { name: `${report.run}-report.html`, content: page(report) },
    { name: `${report.run}-report.json`, content: `${JSON.stringify(report, null, 2)}\n` },
  ];
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
function at(moment: number | undefined): string {
  return moment === undefined ? '' : new Date(moment).toISOString().replace('T', ' ').slice(0, 19);
}
function took(ms: number | undefined): string {
  return ms === undefined ? '' : duration(ms);
}
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>None.</p>';
  const row = (cells: readonly string[], tag: string) => `<tr>${cells.map((cell) => `<${tag}>${html(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(heads, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('\n')}</tbody></table>`;
}

const style =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d}table{border-collapse:collapse;width:100%}' +
  'th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ddd}th{color:#616061;font-weight:600}td{overflow-wrap:anywhere}';

function page(report: Report): string {
  const off = report.outages.reduce((sum, stop) => sum + stop.to - stop.from, 0);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${html(report.name)}</title><style>${style}</style></head><body>
<h1>${html(report.name)}</h1>
<p>${report.ended}, ${at(report.startedAt)} to ${at(report.endedAt) || 'now'} UTC. Writes were off for ${duration(off)}.</p>
<h2>Write stops</h2>
${table(
  ['From (UTC)', 'To', 'Off for', 'Ended by', 'Spent on'],
  report.outages.map((stop) => [at(stop.from), at(stop.to), took(stop.to - stop.from), stop.end, partsText(stop.parts)]),
)}
<h2>Comparisons</h2>
${table(
  ['Step', 'Result', 'Tables', 'Rows', 'MB a side', 'Took', 'Rows/s', 'Connections a side'],
  report.comparisons.map((one) => [
    one.title,
    one.equal ? `equal${one.intended > 0 ? `, ${one.intended} differences intended` : ''}` : `${one.differences} differences`,
    ...[one.tables, one.rows, Math.round(one.bytes / 1e6)].map((figure) => figure.toLocaleString('en-US')),
    took(one.tookMs),
    one.rowsPerSecond.toLocaleString('en-US'),
    String(one.connections ?? ''),
  ]),
)}
<h2>Decisions</h2>
${table(
  ['When (UTC)', 'What', 'Decision', 'By'],
  report.decisions.map((one) => [at(one.at), one.what, one.decision, one.by.join(', ')]),
)}
<h2>Steps</h2>
${table(
  ['Phase', 'Step', 'Status', 'Started (UTC)', 'Took', 'Attempts', 'Evidence'],
  report.steps.map((one) => [one.phase, one.title, one.status, at(one.startedAt), took(one.tookMs), String(one.attempts), one.evidence]),
)}
<h2>Stops</h2>
${table(
  ['When (UTC)', 'Step', 'Code', 'Reason'],
  report.troubles.map((one) => [at(one.at), one.step, one.code, one.reason]),
)}
<h2>Notes</h2>
${table(
  ['When (UTC)', 'By', 'Note'],
  report.notes.map((one) => [at(one.at), one.by, one.text]),
)}
</body></html>
`;
}
