import { type Outage, partsText, type Restart } from '../report/figures.ts';
import { reportOf } from '../report/model.ts';
import { feltOf } from '../report/tables.ts';
import { context, fields, header, type Message, message, section } from './blocks.ts';
import type { RunViewData } from './face.ts';
import { writesSentence } from './status.ts';
import { code, cut, duration, people, plural, safe, time } from './text.ts';

const titles = {
  finished: { title: '🏁 Finished', words: 'finished' },
  aborted: { title: '🛑 Aborted', words: 'aborted' },
  'rolled-back': { title: '↩ Rolled back', words: 'rolled back' },
  retired: { title: '🏁 Retired', words: 'retired' },
  running: { title: '🔄 Under way', words: 'under way' },
} as const;

/**
 * The last message of a run, and of a leg that followed: what came out, how long writes were off, who decided, what was
 * proved, what is left. The same while it is under way.
 */
export function renderReport(view: RunViewData): Message {
  const report = reportOf(view);
  const total = duration((report.endedAt ?? view.now) - report.startedAt);
  const off = report.outages.reduce((sum, stop) => sum + stop.to - stop.from, 0);
  const felt = feltOf(report);
  const { title, words } = titles[report.ended];
  const skipped = report.steps.filter((step) => step.status === 'skipped');
  const proofs = report.steps.filter((step) => view.face.proofs.includes(step.id) && step.evidence !== '' && step.status === 'done');
  const predicted = report.predictions.find((one) => one.what === 'writes off' && one.actualMs !== undefined);
  const outage = report.outages.length ? `writes off ${duration(off)}` : 'writes were never stopped';
  const deciders = [...new Set(report.approvals.flatMap((one) => (one.decision === 'approved' ? one.by : [])))];
  const override = view.state.header?.withoutBefore;
  return message(`${safe(report.name)}: ${words} after ${total}, ${outage}.`, [
    header(`${title} · ${report.name}`),
    fields(
      `*Writes off*\n${report.outages.length ? duration(off) : 'never'}${predicted ? ` (${duration(predicted.predictedMs)} predicted by ${safe(predicted.from)})` : ''}`,
      `*Total*\n${total}, ${duration(report.waitedMs)} of it waiting for people`,
      `*Approved by*\n${people(deciders)}`,
      `*Steps*\n${plural(report.steps.filter((step) => step.status === 'done').length, 'step')} done, ${skipped.length} skipped, ${plural(report.troubles.length, 'stop')}`,
    ),
    section(...(felt.length ? felt.flatMap(outageLines) : ['Nothing was felt.'])),
    ...(override === undefined
      ? []
      : [section(`⚠ Started before the environment that comes first had finished: ${cut(safe(override), 400)}`)]),
    ...(proofs.length ? [section(...proofs.map((step) => `✅ *${safe(step.title)}* — ${cut(safe(step.evidence), 500)}`))] : []),
    ...(skipped.length
      ? [section(...skipped.map((step) => `⏭ *${safe(step.title)}* was skipped — ${cut(safe(step.evidence), 300)}`))]
      : []),
    section(
      ...(report.ended === 'running'
        ? [`*Now*  ${writesSentence(view.state)}`]
        : ['*Left over*', ...report.leftOver.map((line) => `• ${safe(line)}`)]),
    ),
    context(
      `${plural(report.chain.length, 'fact')}, sealed ${code(report.seal)} · ${code(`npx pgupgrade report ${report.run} --verify FILE`)} tells whether a report was changed`,
    ),
  ]);
}

const ends = {
  switched: 'until the services wrote to the new instance',
  'given-back': 'until the writes were given back',
  'rolled-back': 'until the services wrote to the old instance again',
} as const;

function outageLines(one: Outage | Restart): readonly string[] {
  const long = one.from === one.to ? 'not noticed' : duration(one.to - one.from);
  const what = 'end' in one ? `${ends[one.end]} · ${cut(safe(one.cause), 300)}` : safe(one.cause);
  const line = `⛔ ${time(one.from, '{time_secs}')} → ${time(one.to, '{time_secs}')} · *${long}* ${what}`;
  return 'parts' in one && one.parts.length ? [line, partsText(one.parts)] : [line];
}
