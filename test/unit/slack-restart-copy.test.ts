import { expect, it } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import { renderBoard } from '../../src/slack/render/board.ts';
import { reportAs } from '../../src/slack/report/files.ts';
import { reportOf } from '../../src/slack/report/model.ts';
import { buttonIds, texts } from '../support/slack-limits.ts';
import { doneFacts, gateFact, viewOf } from '../support/slack-runs.ts';

const before = doneFacts('preflight', 'enable-replication-flags', 'hold-schema-changes');
const stopped = (more: Partial<Extract<FactBody, { type: 'step.blocked' }>> = {}): FactBody => ({
  type: 'step.blocked',
  step: 'approve-cutover',
  code: 'schema.changed',
  reason: 'The schema of the source was changed. Writes are on.',
  remedy: 'Press Retry; or *Restart the copy*: it takes everything anew.',
  fate: 'human',
  undoing: false,
  restartCopy: true,
  ...more,
});
const asked: FactBody = { type: 'copy.restart-requested', by: 'U0OPERATOR', reason: 'a column more', to: 'hold-schema-changes' };
const undone: FactBody = { type: 'step.undone', step: 'hold-schema-changes', how: 'undone', why: 'a column more' };
const back: FactBody = { type: 'copy.taken-back' };
function messages(...facts: readonly FactBody[]) {
  const view = viewOf([...before, ...facts]);
  return wantedMessages(view, (length) => fold(view.facts.slice(0, length), view.shape));
}
const of = (kind: string, ...facts: readonly FactBody[]) => messages(...facts).filter((one) => one.kind === kind);
const words = (one: { readonly message: ReturnType<typeof renderBoard> } | undefined) => texts(one?.message.blocks).join('\n');
const board = (...facts: readonly FactBody[]) => renderBoard(viewOf([...before, ...facts]));

it('a failure has the button where a new copy makes it good, and only there', () => {
  const [failure] = of('failure', stopped());
  expect(buttonIds(failure?.message.blocks)).toEqual(['run:retry', 'run:restart-copy', 'run:abort']);
  expect(words(failure)).toContain('Restart the copy says what is lost, then empties the destination and copies anew');
  expect(buttonIds(board(stopped()).blocks)).toContain('run:restart-copy');
  const { restartCopy: _none, ...other } = stopped() as Extract<FactBody, { type: 'step.blocked' }>;
  expect(buttonIds(of('failure', other)[0]?.message.blocks)).toEqual(['run:retry', 'run:abort']);
  expect(buttonIds(of('failure', stopped(), { type: 'promotion.called' })[0]?.message.blocks)).not.toContain('run:restart-copy');
});

it('the thread says who wanted it and why, and that it begins anew', () => {
  const all = [stopped(), asked, undone, back] as const;
  expect(of('deed', ...all).map(words)).toEqual([
    '♻ <@U0OPERATOR> asked to restart the copy · a column more',
    '♻ What the copy brought is taken back; it begins anew. Every approval since it began is void.',
  ]);
  const [failure] = of('failure', ...all);
  expect(buttonIds(failure?.message.blocks)).toEqual([]);
  expect(words(failure)).toContain('<@U0OPERATOR> restarted the copy');
});

it('a question that was open is closed by it', () => {
  const [card] = of('gate', gateFact('approve-cutover', ['p']), asked);
  expect(buttonIds(card?.message.blocks)).toEqual([]);
});

it('the board says for whom it is taken back, then what it does again', () => {
  const taking = board(stopped(), asked);
  expect(texts(taking.blocks).join('\n')).toContain('♻ Taking the copy back for <@U0OPERATOR> · then everything is copied anew');
  expect(buttonIds(taking.blocks)).not.toContain('run:pause');
  expect(buttonIds(taking.blocks)).toContain('run:abort');
  expect(texts(board(stopped(), asked, undone, back).blocks).join('\n')).toContain('🔄 Running');
});

it('the report has it, with who asked and why', () => {
  const report = reportOf(viewOf([...before, stopped(), asked, undone, back]));
  expect(report.deviations).toContainEqual(
    expect.objectContaining({ what: 'The copy was restarted', by: 'U0OPERATOR', why: 'a column more' }),
  );
  expect(report.timeline.slice(-3)).toMatchObject([
    { by: 'U0OPERATOR', what: 'Restart of the copy asked for', why: 'a column more' },
    { what: 'Hold schema changes: taken back' },
    { what: 'The copy begins anew; every approval since it began is void' },
  ]);
  // What was waited for people ends with what they decided.
  expect(report.waitedMs).toBe(1_000);
  expect(reportAs('html', report)).toContain('a column more');
});
