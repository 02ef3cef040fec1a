import { duration, size } from '../render/text.ts';
import { moment } from './escape.ts';
import { type Outage, partsText, type Restart } from './figures.ts';
import type { Report } from './model.ts';

/** A part of the report as the page and the Markdown file both show it. */
export interface Table {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Said where there are no rows. */
  readonly none: string;
}

const whole = (value: number) => value.toLocaleString('en-US');
const took = (ms: number | undefined) => (ms === undefined ? '–' : duration(ms));
const people = (ids: readonly string[]) => ids.join(', ') || '–';

/** In the order in which a reader asks: was it felt, was it right, who said so, what was unusual, what is left. */
export function tablesOf(report: Report): readonly Table[] {
  return [
    {
      title: 'Outages by cause',
      heads: ['Cause', 'From (UTC)', 'To', 'For', 'Spent on'],
      rows: feltOf(report).map((one) => [
        one.cause,
        moment(one.from),
        moment(one.to),
        one.from === one.to ? 'not noticed' : duration(one.to - one.from),
        'parts' in one ? partsText(one.parts) : '–',
      ]),
      none: 'Nothing was felt.',
    },
    {
      title: 'Predicted and actual',
      heads: ['What', 'Predicted by', 'Predicted', 'Actual'],
      rows: report.predictions.map(({ what, from, predictedMs, actualMs }) => [what, from, duration(predictedMs), took(actualMs)]),
      none: 'Nothing was predicted.',
    },
    {
      title: 'Validation',
      heads: ['Step', 'Result', 'Tables', 'Rows', 'Size', 'Took', 'Rows/s', 'Connections a side'],
      rows: report.comparisons.map((one) => [
        one.title,
        one.equal ? `equal${one.intended > 0 ? `, ${one.intended} differences intended` : ''}` : `${one.differences} differences`,
        whole(one.tables),
        whole(one.rows),
        size(one.bytes),
        duration(one.tookMs),
        whole(one.rowsPerSecond),
        String(one.connections ?? '–'),
      ]),
      none: 'Source and destination were not compared.',
    },
    {
      title: 'Deviations',
      heads: ['When (UTC)', 'What', 'By', 'Why'],
      rows: report.deviations.map(({ at, what, by, why }) => [moment(at), what, by, why]),
      none: 'None: everything went as the runbook says.',
    },
    { title: 'Left over', heads: ['What remains'], rows: report.leftOver.map((line) => [line]), none: 'Nothing.' },
    {
      title: 'Steps',
      heads: ['Phase', 'Step', 'Status', 'Started (UTC)', 'Took', 'Attempts', 'Evidence'],
      rows: report.steps.map((one) => [
        one.phase,
        one.title,
        one.status,
        moment(one.startedAt),
        took(one.tookMs),
        String(one.attempts),
        one.evidence,
      ]),
      none: 'No step was begun.',
    },
  ];
}

/** Write stops and restarts, in order. */
export function feltOf(report: Pick<Report, 'outages' | 'restarts'>): readonly (Outage | Restart)[] {
  return [...report.outages, ...report.restarts].sort((a, b) => a.from - b.from);
}

/** The figures at the top. */
export function headlineOf(report: Report): readonly (readonly [string, string])[] {
  const stops = report.outages;
  const off = stops.reduce((sum, one) => sum + one.to - one.from, 0);
  const checked = report.comparisons.at(-1);
  return [
    ['Result', report.ended],
    ['Writes off', stops.length ? duration(off) : 'never'],
    ['Took', report.endedAt === undefined ? '–' : duration(report.endedAt - report.startedAt)],
    ['of it waiting for people', duration(report.waitedMs)],
    ['Last validation', checked ? (checked.equal ? `equal, ${whole(checked.rows)} rows` : 'differs') : 'none'],
    ['Steps done', `${report.steps.filter((one) => one.status === 'done').length} of ${report.steps.length}`],
    ['Asked for by', report.by],
    ['Approved by', people([...new Set(report.approvals.flatMap((one) => (one.decision === 'approved' ? one.by : [])))])],
  ];
}
