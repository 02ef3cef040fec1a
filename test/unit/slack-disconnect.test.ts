import { expect, it } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import { reportAs } from '../../src/slack/report/files.ts';
import { reportOf } from '../../src/slack/report/model.ts';
import { hindered, nightly, someone } from '../support/hindered.ts';
import { buttonIds, texts } from '../support/slack-limits.ts';
import { doneFacts, viewOf } from '../support/slack-runs.ts';

const before = doneFacts('preflight', 'enable-replication-flags', 'hold-schema-changes');
const asked: FactBody = { type: 'retry.requested', step: 'approve-cutover', by: 'U0OPERATOR', disconnect: [nightly, someone] };
const carriedOut: FactBody = {
  type: 'sessions.disconnected',
  step: 'approve-cutover',
  by: 'U0OPERATOR',
  ended: [nightly.who],
  left: [`${someone.who}: it was gone already`],
};
function messages(...facts: readonly FactBody[]) {
  const view = viewOf([...before, ...facts]);
  return wantedMessages(view, (length) => fold(view.facts.slice(0, length), view.shape));
}
const of = (kind: string, ...facts: readonly FactBody[]) => messages(...facts).filter((one) => one.kind === kind);
const words = (one: ReturnType<typeof messages>[number] | undefined) => texts(one?.message.blocks).join('\n');

it('the failure has the button while sessions are in the way that can be ended', () => {
  const [failure] = of('failure', hindered());
  expect(buttonIds(failure?.message.blocks)).toEqual(['run:retry', 'run:disconnect', 'run:abort']);
  expect(words(failure)).toContain(`a transaction of ${nightly.who}, has written`);
  expect(buttonIds(of('failure', hindered([]))[0]?.message.blocks)).toEqual(['run:retry', 'run:abort']);
  expect(buttonIds(of('failure', hindered(), { type: 'pause.requested', by: 'U0ADMIN', reason: '' })[0]?.message.blocks)).not.toContain(
    'run:disconnect',
  );
});

it('the thread says who asked for whom, and what became of each', () => {
  const deeds = of('deed', hindered(), asked, carriedOut).map(words);
  expect(deeds).toEqual([
    `🔌 <@U0OPERATOR> asked to disconnect, and then to try *Approve the switch* again:\n• ${nightly.who}\n• ${someone.who}`,
    `🔌 *Disconnected* for <@U0OPERATOR>:\n• ${nightly.who}\n🔌 Left alone:\n• ${someone.who}: it was gone already`,
  ]);
  const [failure] = of('failure', hindered(), asked);
  expect(buttonIds(failure?.message.blocks)).toEqual([]);
  expect(words(failure)).toContain('<@U0OPERATOR> asked to disconnect 2 sessions and retried it');
});

it('the report has it, with who asked', () => {
  const report = reportOf(viewOf([...before, hindered(), asked, carriedOut]));
  expect(report.deviations).toContainEqual(
    expect.objectContaining({ what: 'Disconnected before Approve the switch', by: 'U0OPERATOR', why: nightly.who }),
  );
  expect(report.timeline.at(-1)).toMatchObject({ by: 'U0OPERATOR', what: 'Approve the switch: 1 session disconnected' });
  expect(reportAs('html', report)).toContain('pid 4712: it was gone already');
});
