import { expect, it } from 'vitest';
import type { FactBody, ProofKept } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import type { RunViewData } from '../../src/slack/render/face.ts';
import type { Rehearsal } from '../../src/slack/report/rehearsal.ts';
import { limitProblems, texts } from '../support/slack-limits.ts';
import { firstAt, gateFact, smallShape, viewOf } from '../support/slack-runs.ts';

const shape = [{ ...smallShape[0], id: 'validate-live', title: 'Compare' }, ...smallShape] as RunViewData['shape'];
const begun: readonly FactBody[] = [
  { type: 'step.started', step: 'validate-live', attempt: 1, token: 1 },
  { type: 'fact.recorded', step: 'validate-live', key: 'proof', value: { since: 7, prints: {} } },
  { type: 'step.done', step: 'validate-live', evidence: 'equal', changed: true },
];
const kept = (more: Partial<ProofKept>): FactBody => ({
  type: 'proof.kept',
  step: 'validate-live',
  kept: { since: 7, differing: [], problems: [], prints: {}, ...more },
});
function view(facts: readonly FactBody[], more: Partial<RunViewData> = {}): RunViewData {
  const one = viewOf(facts, more);
  return { ...one, shape, state: fold(one.facts, shape) };
}
const all = (seen: RunViewData) => wantedMessages(seen, (length) => fold(seen.facts.slice(0, length), shape));
const said = (seen: RunViewData, kind: string) => {
  const of = all(seen).filter((one) => one.kind === kind);
  for (const { message } of of) expect(limitProblems(message)).toEqual([]);
  return of.map(({ message }) => texts(message.blocks).join('\n')).join('\n');
};
const look = { at: firstAt, since: 7, text: 'every row equal but 12 open rows' };

it('the board says how the proof stands, and nothing of one that was begun anew or is over', () => {
  expect(said(view(begun, { proof: look }), 'board')).toContain('🔎 *Proof* · every row equal but 12 open rows');
  expect(said(view(begun, { proof: { ...look, since: 6 } }), 'board')).not.toContain('Proof');
  expect(said(view([...begun, kept({ lost: 'its slot is gone' })], { proof: look }), 'board')).not.toContain('🔎');
  const troubled = view([...begun, kept({ problems: ['no feed covers public.t'] })], { proof: { ...look, problem: 'no connection' } });
  expect(said(troubled, 'board')).toMatch(/held up since .*no connection[\s\S]*no feed covers public\.t/);
});

it('the thread says what is new, once, and aloud where rows differ or the proof is lost', () => {
  const problem = 'rows of public.t differ';
  const told = [
    ...begun,
    kept({ problems: [problem], differing: ['public.t'] }),
    kept({ problems: [problem], prints: { inapp: { 1: 'b' } } }),
    kept({}),
  ];
  expect(said(view(told), 'warning').split(problem)).toHaveLength(2);
  expect(said(view(told), 'deed')).toContain('Nothing stands against the proof any more.');
  expect(said(view([...begun, kept({ lost: 'its slot is gone' })]), 'warning')).toContain('not kept proved any more*: its slot is gone');
});

it('the go/no-go says what the switch cost where it was rehearsed, by cause', () => {
  const earlier: Rehearsal = {
    run: 'PG-1',
    environment: 'staging',
    workMs: new Map(),
    writesOffMs: 2_400,
    parts: [{ cause: 'fence', ms: 283 }],
  };
  const asked = [gateFact('approve-cutover', ['revoke connect'], { shown: ['lag 0.2 MB'] })];
  expect(said(view(asked, { earlier }), 'gate')).toMatch(/as PG-1 \(staging\) took: writes off for 2\.4 ?s \(closing and proof 283 ms\)/);
  expect(said(view(asked), 'gate')).not.toContain('took');
});
