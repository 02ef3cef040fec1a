import { describe, expect, it } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import type { RunViewData } from '../../src/slack/render/face.ts';
import { formats, reportAs } from '../../src/slack/report/files.ts';
import { reportOf } from '../../src/slack/report/model.ts';
import { rehearsalOf } from '../../src/slack/report/rehearsal.ts';
import { verifyReport } from '../../src/slack/report/verify.ts';
import { texts } from '../support/slack-limits.ts';
import { doneFacts, firstAt, gateFact, smallShape, viewOf } from '../support/slack-runs.ts';

const hostile = '<script>alert(1)</script> | `x` "q" & *b*';
const story: readonly FactBody[] = [
  ...doneFacts('preflight'),
  gateFact('enable-replication-flags', ['alter system set wal_level = logical']),
  { type: 'vote.cast', gate: 'enable-replication-flags', nonce: 'n-enable-replication-flags', by: 'U0APPROVER', vote: 'approve' },
  {
    type: 'gate.decided',
    gate: 'enable-replication-flags',
    nonce: 'n-enable-replication-flags',
    decision: 'approved',
    by: ['U0APPROVER'],
    planHash: 'hash',
  },
  { type: 'fact.recorded', step: 'enable-replication-flags', key: 'outage-ms', value: 1_900 },
  ...doneFacts('enable-replication-flags'),
  { type: 'step.started', step: 'hold-schema-changes', attempt: 1, token: 1, plan: [`grant usage on schema "${hostile}" to "migration"`] },
  {
    type: 'step.blocked',
    step: 'hold-schema-changes',
    code: 'workloads.not-found',
    reason: hostile,
    remedy: 'Look.',
    fate: 'human',
    undoing: false,
  },
  { type: 'step.skipped', step: 'hold-schema-changes', by: 'U0ADMIN', reason: 'done by hand' },
  { type: 'fact.recorded', step: 'approve-cutover', key: 'predicted', value: { untilCallMs: 12_000, untilWritesMs: 30_000 } },
  { type: 'fact.recorded', step: 'wait', key: 'lag', value: { at: firstAt + 12_000, bytes: 5_000_000 } },
  { type: 'fact.recorded', step: 'approve-cutover', key: 'lag', value: { at: firstAt + 13_000, bytes: 2_000 } },
  ...doneFacts('approve-cutover'),
  { type: 'deadline.set', dueAt: firstAt + 200_000 },
  {
    type: 'fact.recorded',
    step: 'drain',
    key: 'drained',
    value: { lsn: '0/1', durationMs: 90, lag: [{ at: firstAt + 18_000, bytes: 0 }] },
  },
  {
    type: 'fact.recorded',
    step: 'validate',
    key: 'verdict',
    value: { equal: true, tables: 9, rows: 214_511, bytes: 1_000_000, durationMs: 900, expected: 2, count: 0 },
  },
  ...doneFacts('fence-source', 'validate'),
  { type: 'promotion.called' },
  ...doneFacts('promote-destination', 'start-services', 'remove-migration'),
  { type: 'note', by: 'U0OPERATOR', text: 'all quiet' },
  { type: 'run.finished' },
];
const view = (more: Partial<RunViewData> = {}) => viewOf(story, more);

describe('a report', () => {
  it('tells what happened, the outages by cause, predicted and actual, figures, approvals with their evidence, deviations and what is left', () => {
    const earlier = rehearsalOf(view().facts, smallShape);
    const report = reportOf(view({ earlier }));
    expect(report.outages).toMatchObject([{ cause: 'write stop of the switch', end: 'switched' }]);
    expect(report.restarts).toMatchObject([{ cause: 'restart: Enable replication flags' }]);
    expect(report.predictions.map(({ what, from }) => `${what} · ${from}`)).toEqual([
      'until the promotion is called · the go/no-go card',
      'writes off · the go/no-go card',
      'writes off · PG-1 (staging)',
      'writes off: the bot’s own · PG-1 (staging)',
      'the bot’s own work · PG-1 (staging)',
    ]);
    expect(report.predictions[2]).toMatchObject({ predictedMs: report.predictions[2]?.actualMs });
    expect(report.comparisons).toMatchObject([{ equal: true, tables: 9, rows: 214_511, intended: 2 }]);
    expect(report.approvals).toMatchObject([
      { decision: 'approved', by: ['U0APPROVER'], plan: ['alter system set wal_level = logical'], planHash: 'hash' },
    ]);
    expect(report.deviations.map(({ what }) => what)).toEqual([
      'Stopped at Hold schema changes (workloads.not-found)',
      'Skipped: Hold schema changes',
    ]);
    expect(report.leftOver.join(' ')).toContain('Skipped: Hold schema changes');
    expect(report.lag.map(({ bytes }) => bytes)).toEqual([5_000_000, 2_000, 0]);
    const run = report.timeline.find(({ what }) => what === 'Hold schema changes: is carried out');
    expect(run?.detail).toEqual([`grant usage on schema "${hostile}" to "migration"`]);
    expect(report.waitedMs).toBeGreaterThan(0);
  });

  it('is a page that reads nothing as HTML and loads nothing, and a Markdown file that keeps its tables', () => {
    const page = reportAs('html', reportOf(view()));
    expect(page).not.toMatch(/<script|<link|<img|url\(|@import|src=/);
    expect(page).toContain('&lt;script&gt;');
    expect(page.match(/<svg/g)).toHaveLength(2);
    const text = reportAs('md', reportOf(view()));
    expect(text).not.toMatch(/<script/);
    const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes('Hold schema changes (workloads'));
    expect(rows[0]?.replaceAll('\\|', '').split('|')).toHaveLength(6);
  });

  it('of a run that still goes on can be told too', () => {
    for (let length = 0; length < story.length; length += 1) {
      const report = reportOf(viewOf(story.slice(0, length)));
      for (const format of formats) expect(reportAs(format, report)).toContain('PG-1');
    }
  });
});

describe('the seal', () => {
  const report = reportOf(view());

  it('is the same for the same log, and another one when a fact is changed, left out, put in or moved', () => {
    expect(reportOf(view()).seal).toBe(report.seal);
    const others = [
      story.filter(({ type }) => type !== 'note'),
      story.map((fact) => (fact.type === 'note' ? { ...fact, text: 'all loud' } : fact)),
      [...story.slice(0, 3), { type: 'note', by: 'U0OPERATOR', text: 'x' } as FactBody, ...story.slice(3)],
      [...story.slice(0, 2), ...[...story.slice(2, 4)].reverse(), ...story.slice(4)],
    ];
    for (const other of others) expect(reportOf(viewOf(other)).seal).not.toBe(report.seal);
  });

  it('tells a report that nobody touched from one that somebody changed, and where', () => {
    for (const format of formats) {
      const file = reportAs(format, report);
      expect(verifyReport(file, report)).toMatchObject({ is: 'genuine' });
      expect(verifyReport(file.replace('done by hand', 'done by head'), report).is).toBe('changed');
      expect(verifyReport(file.replace('U0APPROVER', 'U0SOMEONE'), report).is).toBe('changed');
    }
    const json = reportAs('json', report);
    const skipped = report.chain.findIndex(({ fact }) => JSON.stringify(fact).includes('done by hand')) + 1;
    expect(verifyReport(json.replaceAll('done by hand', 'done by head'), report).sentence).toContain(`Fact ${skipped} of`);
    const another = reportOf(viewOf([...story.slice(0, -2), { type: 'run.finished' }]));
    expect(verifyReport(reportAs('html', another), report).sentence).toContain('the seal is another one');
  });

  it('holds no secret that a fact held', () => {
    const leaky = viewOf([{ type: 'note', by: 'U0OPERATOR', text: 'see postgres://migration:hunter2@127.0.0.2/inapp' }]);
    expect(JSON.stringify(reportOf(leaky).chain)).not.toContain('hunter2');
  });
});

describe('the board of a run that was rehearsed', () => {
  it('says how much work is left, by what the earlier run took', () => {
    const earlier = rehearsalOf(view().facts, smallShape);
    const now = viewOf(doneFacts('preflight'), { earlier });
    const board = wantedMessages(now, (length) => fold(now.facts.slice(0, length), now.shape)).find((one) => one.kind === 'board');
    expect(texts(board?.message.blocks).join('\n')).toMatch(/about \d.* of work left, as PG-1 \(staging\) took/);
  });
});
