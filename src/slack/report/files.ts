import { markdown, moment } from './escape.ts';
import type { Report } from './model.ts';
import { reportPage } from './page.ts';
import { headlineOf, type Table, tablesOf } from './tables.ts';

export interface ReportFile {
  readonly name: string;
  readonly content: string;
}
export const formats = ['html', 'json', 'md'] as const;
export type Format = (typeof formats)[number];

/** The report as files for the thread: a page for people, JSON for machines, Markdown for whoever pastes it elsewhere. */
export function reportFiles(report: Report): readonly ReportFile[] {
  return formats.map((format) => ({ name: `${report.run}-report.${format}`, content: reportAs(format, report) }));
}

export function reportAs(format: Format, report: Report): string {
  switch (format) {
    case 'html':
      return reportPage(report);
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'md':
      return text(report);
    default:
      return format satisfies never;
  }
}

function text(report: Report): string {
  const [outages, predictions, validation, deviations, leftOver, steps] = tablesOf(report).map(section);
  const approvals = report.approvals.flatMap((one) => [
    `### ${markdown(one.gate)}: ${one.decision}${one.by.length ? ` by ${markdown(one.by.join(', '))}` : ''}`,
    `${markdown(one.question)} Asked ${moment(one.askedAt)} UTC, plan ${one.planHash.slice(0, 16)}.`,
    fenced([...one.shown, ...one.plan]),
  ]);
  const story = report.timeline.map(
    ({ at, by, what, why }) =>
      `- ${moment(at)} **${markdown(what)}**${by === 'bot' ? '' : ` (${markdown(by)})`}${why ? ` ${markdown(why)}` : ''}`,
  );
  return `${[
    `# ${markdown(report.name)}`,
    `${markdown(report.source)} → ${markdown(report.destination)}, ${moment(report.startedAt)} to ${moment(report.endedAt) || 'now'} UTC`,
    headlineOf(report)
      .map(([name, value]) => `- ${markdown(name)}: **${markdown(value)}**`)
      .join('\n'),
    outages,
    predictions,
    validation,
    '## Approvals and their evidence',
    ...(approvals.length ? approvals : ['Nobody was asked.']),
    deviations,
    leftOver,
    '## What happened',
    story.join('\n'),
    steps,
    `${report.chain.length} facts, chained by SHA-256; their seal: \`${report.seal}\``,
  ].join('\n\n')}\n`;
}

function section(table: Table): string {
  if (table.rows.length === 0) return `## ${table.title}\n\n${markdown(table.none)}`;
  const line = (cells: readonly string[]) => `| ${cells.map(markdown).join(' | ')} |`;
  return [`## ${table.title}`, '', line(table.heads), `|${table.heads.map(() => '---|').join('')}`, ...table.rows.map(line)].join('\n');
}

/** A fence longer than any that the text holds. */
function fenced(lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((ticks) => ticks.length)));
  const fence = '`'.repeat(longest + 1);
  return [fence, ...lines, fence].join('\n');
}
