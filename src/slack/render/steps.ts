import { context, header, type Message, message, section } from './blocks.ts';
import { type RunViewData, runId, runName, titleOf } from './face.ts';
import { clock, phasesOf, statusWords, stepsOver, writesSentence } from './status.ts';
import { code, cut, duration, plural, safe } from './text.ts';

const signs = { pending: '⚪', started: '🔄', done: '✅', skipped: '⏭', blocked: '❌', undone: '↩', kept: '↩' } as const;

/** Every step of the run: what `status` and the button "Steps" show to the person who asks. `trouble`: why the channel does not show it. */
export function renderSteps(view: RunViewData, trouble?: string): Message {
  const { state, shape, progress } = view;
  const off = clock(view);
  const line = (id: string) => {
    const step = state.steps.find((one) => one.id === id);
    if (!step) return '';
    const took = step.startedAt !== undefined && step.endedAt !== undefined ? ` · ${duration(step.endedAt - step.startedAt)}` : '';
    const now = progress?.step === id && step.status !== 'done' ? ` — ${cut(safe(progress.text), 160)}` : '';
    const gate = shape.find((one) => one.id === id)?.gated && step.status === 'pending' ? ' 🔒' : '';
    return `${signs[step.status]} ${safe(titleOf(shape, id))}${gate}${took}${now}`;
  };
  const words = statusWords(view);
  return message(
    `${runId(state)}: ${words.replaceAll('*', '')}, ${stepsOver(state)} of ${plural(state.steps.length, 'step')} done. ${writesSentence(state)}`,
    [
      header(runName(state)),
      section(`*${words}* · ${stepsOver(state)} of ${plural(state.steps.length, 'step')} done`, off ?? writesSentence(state)),
      ...(trouble === undefined ? [] : [section(trouble)]),
      ...(state.blocked ? [section(`*What*  ${safe(state.blocked.reason)}`, `*Remedy*  ${safe(state.blocked.remedy)}`)] : []),
      ...phasesOf(view).map((phase) => section(`*${safe(phase.name)}*`, ...phase.steps.map((step) => line(step.id)))),
      context(`Also from a terminal: ${code(`npx pgupgrade status ${runId(state)}`)}`),
    ],
  );
}
