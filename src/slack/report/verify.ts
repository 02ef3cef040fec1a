import { redact } from '../redact.ts';
import { linkHash } from './chain.ts';
import { type Format, reportAs } from './files.ts';
import type { Report } from './model.ts';

/** What a file that claims to be a run's report is, beside the log it was made from. */
export interface ReportVerdict {
  readonly is: 'genuine' | 'changed';
  readonly sentence: string;
}

/**
 * Compares a report file with what the log gives now. The log only grows, and a finished run's not even that: every
 * line of a file that nobody touched comes out again, as long as the same version of the bot looks.
 */
export function verifyReport(content: string, report: Report): ReportVerdict {
  const format: Format = content.startsWith('{') ? 'json' : content.startsWith('<!doctype html>') ? 'html' : 'md';
  const run = report.run;
  // As the outbox sends it.
  const expected = redact(reportAs(format, report));
  if (content === expected)
    return { is: 'genuine', sentence: `This is the report of ${run}, unchanged: ${report.chain.length} facts, seal ${report.seal}.` };
  if (format === 'json') {
    const broken = brokenLink(content, report);
    if (broken !== undefined) return { is: 'changed', sentence: broken };
  }
  const there = content.split('\n');
  const line = expected.split('\n').findIndex((one, at) => one !== there[at]);
  const at = line < 0 ? there.length : line + 1;
  if (!content.includes(report.seal))
    return {
      is: 'changed',
      sentence: `This is not the report of ${run} as its log has it: the seal is another one, and line ${at} differs.`,
    };
  return {
    is: 'changed',
    sentence: `This report of ${run} was changed, or written by another version of the bot: its seal is right, and line ${at} reads otherwise than the log says: “${(there[at - 1] ?? '').trim().slice(0, 160)}”.`,
  };
}

/** The first fact of a JSON report that does not fit its chain or the log; undefined: all do. */
function brokenLink(content: string, report: Report): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    return 'This file is no JSON any more.';
  }
  const chain: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'chain') : undefined;
  if (!Array.isArray(chain)) return 'This file holds no chain of facts.';
  let before = '';
  for (const [at, link] of report.chain.entries()) {
    const given: unknown = chain[at];
    const fact: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'fact') : undefined;
    before = linkHash(before, fact ?? null);
    if (before !== link.hash)
      return `Fact ${at + 1} of ${report.chain.length} is not the one in the log of ${report.run}: ${JSON.stringify(fact ?? null).slice(0, 160)}`;
  }
  return chain.length === report.chain.length
    ? undefined
    : `The file holds ${chain.length} facts, the log of ${report.run} ${report.chain.length}.`;
}
