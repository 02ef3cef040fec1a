import type { Fact } from '../../engine/facts.ts';
import { actions, type Block, button, codeSection, context, type Message, message, section } from './blocks.ts';
import { type RunViewData, runId, titleOf } from './face.ts';
import { clock } from './status.ts';
import { cut, people, safe, time, who } from './text.ts';

export type TaskAsked = Extract<Fact, { readonly type: 'task.asked' }>;

/** What a person must do, how the bot will verify it, and Done; afterwards who did it. */
export function renderTask(asked: TaskAsked, index: number, view: RunViewData): Message {
  const title = safe(titleOf(view.shape, asked.step));
  const run = runId(view.state);
  const done = view.facts.find((fact, at) => at > index && fact.type === 'task.done' && fact.step === asked.step);
  const open = view.state.task?.step === asked.step && view.facts.findLastIndex((fact) => fact.type === 'task.asked') === index;
  const off = clock(view);
  const label = asked.expects ? '✔ Done…' : '✔ Done';
  return message(`${run}: ${title} needs a person. ${asked.what[0] ? safe(asked.what[0]) : ''}`.trim(), [
    section(`🙋 *${title}* needs a person  ·  ${run}`, ...(asked.because ? [`_Asked again: ${safe(asked.because)}_`] : [])),
    ...whatBlocks(asked.what),
    context(`The bot verifies it: ${safe(asked.verifiedBy)}`),
    ...(open && off ? [section(off)] : []),
    ...(open
      ? [
          context(`For ${people(view.face.operators)}`),
          ...actions([button({ id: asked.expects ? 'task:answer' : 'task:done', label, value: `${run}:${asked.step}`, style: 'primary' })]),
        ]
      : [section(doneLine(done))]),
  ]);
}

/** Sentences as a list; what has several lines (settings, commands) is shown as it is to be copied. */
function whatBlocks(what: readonly string[]): readonly Block[] {
  const sentences = what.filter((line) => !line.includes('\n')).map((line) => `• ${safe(line)}`);
  const pieces = what.filter((line) => line.includes('\n'));
  return [...(sentences.length ? [section(...sentences)] : []), ...pieces.slice(0, 5).map((piece) => codeSection([piece], 1_500))];
}

function doneLine(done: Fact | undefined): string {
  if (done?.type !== 'task.done') return '☑ No longer needed.';
  const answer = done.answer ? ` · ${cut(safe(done.answer), 500)}` : '';
  return `✅ Done by ${who(done.by)} ${time(done.at)}${answer}`;
}
