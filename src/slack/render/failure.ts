import type { Fact } from '../../engine/facts.ts';
import type { RunState } from '../../engine/state.ts';
import { actions, button, context, type Message, message, section } from './blocks.ts';
import { failureButtons, mayAbort, mayDisconnect, mayRestartCopy, rollbackButton } from './buttons.ts';
import { type RunViewData, runId, titleOf } from './face.ts';
import { clock, writesSentence } from './status.ts';
import { code, people, plural, safe, time, who } from './text.ts';

export type Stopped = Extract<Fact, { readonly type: 'step.blocked' }>;

/** What failed, what state things are in (writes on or off), the remedy, and what can be done about it. `then`: the state when it failed. */
export function renderFailure(failed: Stopped, index: number, then: RunState, view: RunViewData): Message {
  const run = runId(view.state);
  const title = safe(titleOf(view.shape, failed.step));
  const attempt = then.steps.find((step) => step.id === failed.step)?.attempts ?? 1;
  const answer = view.facts.find((fact, at) => at > index && answers(fact, failed.step));
  const open = answer === undefined && view.state.blocked?.step === failed.step && view.state.blocked.at === failed.at;
  const verb = failed.undoing ? 'could not take back' : 'stopped at';
  const writes = writesSentence(then);
  // The log's sentence ends with the state of the writes for those who read it there; here it has a place of its own.
  const reason = failed.reason.replace(/ Writes are (on|OFF[^.]*)\.$/, '');
  const what = safe(reason);
  const off = open ? clock(view) : undefined;
  const buttons = [
    ...failureButtons(view.state, view.shape),
    ...(mayAbort(view.state, view.shape) ? [button({ id: 'run:abort', label: '🛑 Abort…', value: run, style: 'danger' })] : []),
    ...rollbackButton(view.state, view.shape),
  ];
  return message(`${run} ${verb} ${title}: ${what} ${writes}`, [
    section(`❌ *${run} ${verb} ${title}*${attempt > 1 ? ` (attempt ${attempt})` : ''}`),
    section(`*What*  ${what}`, `*Now*  ${writes} ${standing(failed)}`, `*Remedy*  ${safe(failed.remedy)}`),
    ...(off ? [section(off)] : []),
    ...(open
      ? [
          context(`${code(failed.code)} · for ${people(view.face.operators)} · ${safe(meaning(view.state, view.shape))}`),
          ...actions(buttons),
        ]
      : [context(`${code(failed.code)} · ${answer ? answerWords(answer, reason) : 'no longer the open question'}`)]),
  ]);
}

function standing(failed: Stopped): string {
  if (failed.fate === 'fatal') return 'The run stands still; this is a mistake in the bot, so its maintainers must look.';
  return failed.undoing ? 'The run waits with this step not taken back.' : 'The run waits; nothing further is done until somebody decides.';
}

function meaning(state: RunState, shape: RunViewData['shape']): string {
  const disconnect = mayDisconnect(state) ? '; Disconnect shows the sessions and ends them when you confirm, then it looks again' : '';
  const copy = mayRestartCopy(state, shape) ? '; Restart the copy says what is lost, then empties the destination and copies anew' : '';
  const skip = state.blocked?.skippable ? '; Skip goes on without it' : '';
  const back = rollbackButton(state, shape).length > 0 ? '; going back opens the old instance again, after people approve it' : '';
  const abort = mayAbort(state, shape) ? '; Abort takes the steps back, latest first' : '';
  return `Retry looks again and does only what is missing${disconnect}${copy}${skip}${abort}${back}`;
}

function answers(fact: Fact, step: string): boolean {
  if (fact.type === 'retry.requested' || fact.type === 'step.skipped' || fact.type === 'step.done' || fact.type === 'step.undone')
    return fact.step === step;
  return ['abort.requested', 'copy.restart-requested', 'undo.begun', 'give-back.begun', 'leg.begun'].includes(fact.type);
}

/** `reason`: of the failure, which is not told twice. */
function answerWords(fact: Fact, reason: string): string {
  switch (fact.type) {
    case 'retry.requested':
      return fact.disconnect
        ? `🔌 ${who(fact.by)} asked to disconnect ${plural(fact.disconnect.length, 'session')} and retried it ${time(fact.at)}`
        : `🔁 ${who(fact.by)} retried it ${time(fact.at)}`;
    case 'step.skipped':
      return `⏭ ${who(fact.by)} skipped it ${time(fact.at)} · ${safe(fact.reason)}`;
    case 'abort.requested':
      return `🛑 ${who(fact.by)} aborted the run ${time(fact.at)} · ${safe(fact.reason)}`;
    case 'copy.restart-requested':
      return `♻ ${who(fact.by)} restarted the copy ${time(fact.at)} · ${safe(fact.reason)}`;
    case 'give-back.begun':
      return `↩ the writes are given back ${time(fact.at)}${fact.reason.includes(reason) ? '' : ` · ${safe(fact.reason)}`}`;
    case 'leg.begun':
      return `↩ ${who(fact.by)} asked for the way back ${time(fact.at)} · ${safe(fact.reason)}`;
    case 'undo.begun':
      return `↩ the steps are taken back ${time(fact.at)}`;
    default:
      return `✅ resolved ${time(fact.at)}`;
  }
}
