import { lagChart, phaseBars } from './charts.ts';
import { html, moment } from './escape.ts';
import type { Approval, Report } from './model.ts';
import { headlineOf, type Table, tablesOf } from './tables.ts';
import type { Happening } from './timeline.ts';

/** No script, no font, no picture from elsewhere: the page is read where nothing else can be reached, and printed. */
const style = `
:root{color-scheme:light dark;--ink:#1d1c1d;--soft:#616061;--line:#d8d8d8;--paper:#fff;--bar:#0b6e99;--off:#d1242f}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#a9a9a9;--line:#444;--paper:#1a1d21;--bar:#4cb3e0;--off:#ff6b6b}}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.4rem 0}.soft,figcaption,.tick{color:var(--soft)}dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.8rem;margin:1.2rem 0}
dl div{border:1px solid var(--line);border-radius:6px;padding:.5rem .8rem}dt{color:var(--soft);font-size:.82rem}dd{margin:0;font-weight:600;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.88rem}th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{color:var(--soft);font-weight:600;overflow-wrap:normal}
td.n{white-space:nowrap}pre{font:12px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem;margin:.3rem 0;max-height:22rem;overflow:auto}
figure{margin:.6rem 0}svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:var(--soft)}svg .name{fill:var(--ink);font-size:12px}
.bar{fill:var(--bar)}.line{fill:none;stroke:var(--bar);stroke-width:2}.dot{fill:var(--bar)}.off{fill:var(--off);opacity:.3}.grid{stroke:var(--line)}
ol.story{list-style:none;padding:0;margin:0}ol.story li{display:grid;grid-template-columns:10.5rem 1fr;gap:.8rem;padding:.3rem 0;border-bottom:1px solid var(--line)}ol.story time{color:var(--soft);font-variant-numeric:tabular-nums}
@media (max-width:40rem){ol.story li{grid-template-columns:1fr;gap:0}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--bar:#0b6e99;--off:#d1242f}body{max-width:none;margin:0;font-size:10pt}pre{max-height:none;overflow:visible}h2{break-after:avoid}tr,li,figure,dl div{break-inside:avoid}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}`;

/** The report as one page that stands alone. */
export function reportPage(report: Report): string {
  const [outages, predictions, validation, deviations, leftOver, steps] = tablesOf(report).map(section);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${html(report.name)}</title><style>${style}</style></head><body>
<h1>${html(report.name)}</h1>
<p class="soft">${html(report.source)} → ${html(report.destination)} · ${moment(report.startedAt)} to ${moment(report.endedAt) || 'now'} UTC</p>
<dl>${headlineOf(report)
    .map(([name, value]) => `<div><dt>${html(name)}</dt><dd>${html(value)}</dd></div>`)
    .join('')}</dl>
<h2>The phases</h2>
${phaseBars(report)}
<h2>The lag</h2>
${lagChart(report)}
${outages}
${predictions}
${validation}
<h2>Approvals and their evidence</h2>
${report.approvals.map(approval).join('\n') || '<p>Nobody was asked.</p>'}
${deviations}
${leftOver}
<h2>What happened</h2>
<ol class="story">
${report.timeline.map(happening).join('\n')}
</ol>
${steps}
<h2>Has this report been changed?</h2>
<p>It tells ${report.chain.length} facts, each chained to the one before by SHA-256. Their seal: <code>${report.seal}</code>. It also stands under the report in the channel. <code>npx pgupgrade report ${html(report.run)} --verify FILE</code> compares a file with the run's own log.</p>
</body></html>
`;
}

function section(table: Table): string {
  if (table.rows.length === 0) return `<h2>${html(table.title)}</h2>\n<p>${html(table.none)}</p>`;
  const heads = table.heads.map((head) => `<th>${html(head)}</th>`).join('');
  const rows = table.rows.map(
    (cells) => `<tr>${cells.map((cell, at) => `<td${isShort(table, at) ? ' class="n"' : ''}>${html(cell)}</td>`).join('')}</tr>`,
  );
  return `<h2>${html(table.title)}</h2>\n<table><thead><tr>${heads}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

/** A column of moments or figures is not broken over lines. */
function isShort(table: Table, column: number): boolean {
  return table.rows.every((cells) => (cells[column]?.length ?? 0) <= 19);
}

function approval(one: Approval): string {
  const who = one.by.length ? ` by ${one.by.join(', ')}` : '';
  const when = one.at === undefined ? '' : `, ${moment(one.at)} UTC`;
  return `<h3>${html(one.gate)}: ${one.decision}${html(who)}${when}</h3>
<p>${html(one.question)}${one.reason ? ` <em>${html(one.reason)}</em>` : ''} <span class="soft">Asked ${moment(one.askedAt)} UTC, plan ${html(one.planHash.slice(0, 16))}.</span></p>
${block([...one.shown, ...one.plan])}`;
}

function happening(one: Happening): string {
  const who = one.by === 'bot' ? '' : ` <span class="soft">· ${html(one.by)}</span>`;
  const why = one.why ? `<br>${html(one.why)}` : '';
  return `<li><time>${moment(one.at)}</time><div><strong>${html(one.what)}</strong>${who}${why}${block(one.detail ?? [])}</div></li>`;
}

function block(lines: readonly string[]): string {
  return lines.length ? `<pre>${html(lines.join('\n'))}</pre>` : '';
}
