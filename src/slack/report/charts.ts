import { duration, size } from '../render/text.ts';
import { html } from './escape.ts';
import type { Report } from './model.ts';

/** Inline SVG: a report stands alone, and prints as sharp as it shows. Sizes are those of the view box. */
const width = 900;
const names = 190;

function scale(report: Report): (at: number) => number {
  const end = report.endedAt ?? report.timeline.at(-1)?.at ?? report.startedAt;
  const span = Math.max(1, end - report.startedAt);
  return (at) => names + ((at - report.startedAt) / span) * (width - names - 10);
}

/** `10:04:09`, and the day where the run took more than one. */
function clock(at: number, days: boolean): string {
  const iso = new Date(at).toISOString();
  return days ? `${iso.slice(5, 10)} ${iso.slice(11, 16)}` : iso.slice(11, 19);
}

function axis(report: Report, height: number): string {
  const x = scale(report);
  const end = report.endedAt ?? report.timeline.at(-1)?.at ?? report.startedAt;
  const days = end - report.startedAt > 86_400_000;
  return [0, 0.25, 0.5, 0.75, 1]
    .map((part) => {
      const at = report.startedAt + part * (end - report.startedAt);
      const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
      return `<line class="grid" x1="${x(at)}" x2="${x(at)}" y1="0" y2="${height}"/><text class="tick" x="${x(at)}" y="${height + 14}" text-anchor="${anchor}">${clock(at, days)}</text>`;
    })
    .join('');
}

/** When writes were off, behind what is drawn. */
function bands(report: Report, height: number): string {
  const x = scale(report);
  return [...report.outages, ...report.restarts]
    .map(
      ({ from, to, cause }) =>
        `<rect class="off" x="${x(from)}" y="0" width="${Math.max(2, x(to) - x(from))}" height="${height}"><title>${html(cause)}: ${duration(to - from)}</title></rect>`,
    )
    .join('');
}

/** A bar for each phase on the run's own clock, with how much of it was waiting for people. */
export function phaseBars(report: Report): string {
  const row = 26;
  const height = report.phases.length * row + 6;
  const x = scale(report);
  const bars = report.phases.map(({ name, from, to, waitedMs }, at) => {
    const y = at * row + 6;
    const long = Math.max(2, x(to) - x(from));
    const worked = `${duration(to - from - waitedMs)}${waitedMs >= 1_000 ? ` + ${duration(waitedMs)} waiting` : ''}`;
    // Where there is no room behind the bar its words stand before it.
    const behind = x(to) + 6 + worked.length * 6.2 < width;
    return (
      `<text class="name" x="${names - 8}" y="${y + 13}" text-anchor="end">${html(name)}</text>` +
      `<rect class="bar" x="${x(from)}" y="${y}" width="${long}" height="18" rx="3"/>` +
      `<text class="tick" x="${behind ? x(to) + 6 : x(from) - 6}" y="${y + 13}" text-anchor="${behind ? 'start' : 'end'}">${worked}</text>`
    );
  });
  return figure('How long each phase took', height, `${bands(report, height)}${axis(report, height)}${bars.join('')}`);
}

/** The lag as far as steps looked: a line on a scale of roots, so that the last kilobytes are seen beside the copy's gigabytes. */
export function lagChart(report: Report): string {
  if (report.lag.length < 2) return '<p>The lag was not measured often enough to be drawn.</p>';
  const height = 150;
  const x = scale(report);
  const most = Math.max(1, ...report.lag.map(({ bytes }) => bytes));
  const y = (bytes: number) => height - 4 - Math.sqrt(bytes / most) * (height - 24);
  const points = report.lag.map(({ at, bytes }) => `${x(at).toFixed(1)},${y(bytes).toFixed(1)}`).join(' ');
  const dots = report.lag
    .map(
      ({ at, bytes }) =>
        `<circle class="dot" cx="${x(at).toFixed(1)}" cy="${y(bytes).toFixed(1)}" r="2.5"><title>${size(bytes)}</title></circle>`,
    )
    .join('');
  const labels = [most, most / 4, 0].map(
    (bytes) => `<text class="tick" x="${names - 8}" y="${y(bytes) + 4}" text-anchor="end">${size(bytes)}</text>`,
  );
  return figure(
    `Replication lag, at most ${size(most)}, ${size(report.lag.at(-1)?.bytes ?? 0)} at the end`,
    height,
    `${bands(report, height)}${axis(report, height)}${labels.join('')}<polyline class="line" points="${points}"/>${dots}`,
  );
}

function figure(title: string, height: number, inner: string): string {
  return `<figure><svg viewBox="0 0 ${width} ${height + 20}" role="img" aria-label="${html(title)}">${inner}</svg><figcaption>${html(title)}. Red: writes off, or a restart. Times in UTC.</figcaption></figure>`;
}
