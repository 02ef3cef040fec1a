import { describe, expect, it } from 'vitest';
import { fold } from '../../src/engine/fold.ts';
import type { Exhibit } from '../../src/engine/step.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import { plainText } from '../../src/slack/render/plain.ts';
import { reportFiles } from '../../src/slack/report/files.ts';
import { reportOf } from '../../src/slack/report/model.ts';
import { limitProblems } from '../support/slack-limits.ts';
import { viewOf } from '../support/slack-runs.ts';

const verdict = {
  equal: true,
  tables: 29,
  rows: 273_430,
  bytes: 178_000_000,
  durationMs: 2_000,
  connections: 4,
  expected: 106,
  count: 0,
  differences: [],
};

describe('the report', () => {
  it('has the figures of each comparison', () => {
    const view = viewOf([
      { type: 'fact.recorded', step: 'validate-live', key: 'verdict', value: verdict },
      { type: 'fact.recorded', step: 'validate', key: 'verdict', value: { ...verdict, lsn: '0/1' } },
      { type: 'run.finished' },
    ]);
    const report = reportOf(view);
    expect(report.comparisons).toMatchObject([
      {
        step: 'validate-live',
        equal: true,
        tables: 29,
        rows: 273_430,
        bytes: 178_000_000,
        tookMs: 2_000,
        rowsPerSecond: 136_715,
        connections: 4,
        intended: 106,
      },
      { step: 'validate' },
    ]);
    expect(reportFiles(report)[0]?.content).toMatch(
      /equal, 106 differences intended<\/td><td class="n">29<\/td><td class="n">273,430<\/td><td class="n">170 MB<\/td><td class="n">2\.0 s<\/td><td class="n">136,715<\/td><td class="n">4</,
    );
  });
});

function shown(exhibits: readonly Exhibit[]) {
  const view = viewOf([
    {
      type: 'step.blocked',
      step: 'validate',
      code: 'validation.differs',
      reason: '1 difference.',
      remedy: 'Look.',
      fate: 'human',
      undoing: false,
      exhibits,
    },
  ]);
  const found = wantedMessages(view, (length) => fold(view.facts.slice(0, length), view.shape)).find(({ kind }) => kind === 'exhibits');
  if (!found) throw new Error('what differs is not shown');
  return found;
}

describe('what differs', () => {
  const { message, broadcast } = shown([
    {
      title: 'Source and destination',
      table: [
        ['what', 'result'],
        ['rows of public.campaign', '1 changed'],
      ],
    },
    { title: 'public.campaign · 1 changed', lines: ['id=7', '- priority 3', '+ priority 4'] },
  ]);

  it('is a message of its own, for the channel, a notification and a terminal', () => {
    expect(broadcast).toBe(true);
    expect(message.blocks.map(({ type }) => type)).toEqual(['section', 'table', 'rich_text']);
    expect(message.text).toContain('id=7\n- priority 3\n+ priority 4');
    expect(plainText(message.blocks)).toContain(
      'rows of public.campaign  1 changed\npublic.campaign · 1 changed\nid=7\n- priority 3\n+ priority 4',
    );
  });

  it('is within Slack’s limits however much it is, and mentions nobody', () => {
    const hostile = '<!channel> `rm` & "x" *bold* 🐘\u202e</b> ```drop```';
    const much = shown([
      { title: hostile, table: Array.from({ length: 60 }, () => [hostile.repeat(4), '', '1,234', hostile]) },
      ...Array.from({ length: 12 }, () => ({
        title: hostile.repeat(9),
        lines: Array.from({ length: 40 }, () => `- ${hostile.repeat(9)}`),
      })),
    ]);
    expect(limitProblems(much.message)).toEqual([]);
    expect(much.message.text).not.toContain('<!channel>');
    expect(JSON.stringify(much.message.blocks)).toMatch(/… \d+ more in the file/);
  });
});
