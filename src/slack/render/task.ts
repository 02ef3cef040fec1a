import type { Fact } from '../../engine/facts.ts';
import { actions, type Block, button, codeSection, context, isCut, type Message, message, section } from './blocks.ts';
import { type RunViewData, runId, titleOf } from './face.ts';
import { clock } from './status.ts';
import { codeBlock, cut, people, safe, time, who } from './text.ts';

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

const most = { pieces: 5, characters: 1_500 } as const;

function partsOf(what: readonly string[]) {
  return {
    sentences: what.filter((line) => !line.includes('\n')).map((line) => `• ${safe(line)}`),
    pieces: what.filter((line) => line.includes('\n')),
  };
}

/** Does the card leave a part out? Then people get it as a file. */
export function isTaskCut({ what }: Pick<TaskAsked, 'what'>): boolean {
  const { sentences, pieces } = partsOf(what);
  return isCut(sentences) || pieces.length > most.pieces || pieces.some((piece) => codeBlock([piece], most.characters).left > 0);
}

/** Sentences as a list; what has several lines (settings, commands) is shown as it is to be copied. */
function whatBlocks(what: readonly string[]): readonly Block[] {
  const { sentences, pieces } = partsOf(what);
  return [
    ...(sentences.length ? [section(...sentences)] : []),
    ...pieces.slice(0, most.pieces).map((piece) => codeSection([piece], most.characters)),
  ];
}

function doneLine(done: Fact | undefined): string {
  if (done?.type !== 'task.done') return '☑ No longer needed.';
  const answer = done.answer ? ` · ${cut(safe(done.answer), 500)}` : '';
  return `✅ Done by ${who(done.by)} ${time(done.at)}${answer}`;
}
