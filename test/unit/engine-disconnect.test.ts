import { expect, it } from 'vitest';
import { executeStep } from '../../src/engine/execute.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { lookAtSteps } from '../../src/engine/look.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { blocked, type HinderingSession, type Runbook, todo } from '../../src/engine/step.ts';
import { NeedsHuman } from '../../src/errors.ts';
import { runStarted } from '../support/engine-log.ts';
import { hindered, nightly, someone } from '../support/hindered.ts';
import { executionOver, memoryLog } from '../support/memory-log.ts';

/** The gate over a server where some sessions are in the way. */
function gateOver(open: Set<HinderingSession>, refuses = false) {
  const did: string[] = [];
  const runbook: Runbook<object> = [
    {
      name: 'Switch',
      steps: [
        {
          id: 'approve-cutover',
          title: 'Go or no-go',
          impact: 'writes-stop',
          gate: { question: 'Stop the writes?' },
          writeStop: 'gate',
          async check() {
            did.push('look');
            if (open.size === 0) return todo(['stop']);
            return blocked('cutover.open-transactions', 'in the way', 'disconnect', { sessions: [...open] });
          },
          async disconnect(_clients, sessions) {
            did.push(`end ${sessions.map(({ pid }) => pid).join(' ')}`);
            if (refuses) throw new NeedsHuman('postgres.permission-denied', 'may not end it', { remedy: 'grant it' });
            const ended = [...open].filter(({ pid }) => sessions.some((one) => one.pid === pid));
            for (const one of ended) open.delete(one);
            const left = sessions.filter(({ pid }) => !ended.some((one) => one.pid === pid)).map(({ who }) => `${who}: gone`);
            return { ended: ended.map(({ who }) => who), left };
          },
          undo: { keep: 'nothing' },
        },
      ],
    },
  ];
  const started = runStarted(['approve-cutover']);
  const shape = shapeOf(runbook);
  const memory = memoryLog([started], () => Promise.resolve());
  const interrupt = new AbortController();
  return {
    did,
    facts: () => memory.facts.slice(1),
    state: () => fold(memory.facts, shape),
    push: (...bodies: readonly FactBody[]) => memory.log.append('PG-1', memory.facts.length, bodies, memory.acquire()),
    look: () =>
      lookAtSteps({
        steps: runbook[0]?.steps ?? [],
        clients: {},
        header: started,
        state: fold(memory.facts, shape),
        signal: interrupt.signal,
      }),
    execute: () => executeStep(executionOver(memory, runbook, {}, { signal: interrupt.signal, now: () => 1_000 }), 'approve-cutover'),
  };
}
const retry = (...sessions: readonly HinderingSession[]): FactBody => ({
  type: 'retry.requested',
  step: 'approve-cutover',
  by: 'U1',
  disconnect: sessions,
});

it('what people chose is ended before the step looks again, and who it was is in the log', async () => {
  const run = gateOver(new Set([nightly, someone]));
  await run.execute();
  expect(run.state().blocked).toMatchObject({ code: 'cutover.open-transactions', sessions: [nightly, someone] });
  await run.push(retry(nightly));
  await run.execute();
  expect(run.did).toEqual(['look', 'end 4711', 'look']);
  expect(run.facts().slice(-2)).toMatchObject([
    { type: 'sessions.disconnected', step: 'approve-cutover', by: 'U1', ended: [nightly.who], left: [] },
    { type: 'step.blocked', sessions: [someone] },
  ]);
  await run.push(retry(someone));
  await run.execute();
  expect(run.facts().at(-1)).toMatchObject({ type: 'gate.asked' });
});

it('a worker that died between the two ends nobody else: the next one finds them gone', async () => {
  const run = gateOver(new Set());
  await run.push(hindered(), retry(nightly));
  await run.execute();
  expect(run.facts().slice(-2)).toMatchObject([
    { type: 'sessions.disconnected', ended: [], left: [`${nightly.who}: gone`] },
    { type: 'gate.asked' },
  ]);
  await run.push({ type: 'retry.requested', step: 'approve-cutover', by: 'U2' });
  await run.execute();
  expect(run.did.filter((one) => one.startsWith('end'))).toHaveLength(1);
});

it('a request that could not be carried out is put before people, and not tried again by a mere retry', async () => {
  const run = gateOver(new Set([nightly]), true);
  await run.push(hindered([nightly]), retry(nightly));
  await run.execute();
  expect(run.state()).toMatchObject({ blocked: { code: 'postgres.permission-denied', sessions: [] }, disconnect: undefined });
  await run.push({ type: 'retry.requested', step: 'approve-cutover', by: 'U1' });
  await run.execute();
  expect(run.did).toEqual(['end 4711', 'look']);
});

it('a pause voids the request: hours later it is decided again', async () => {
  const run = gateOver(new Set([nightly]));
  await run.push(hindered([nightly]), retry(nightly), { type: 'pause.requested', by: 'U2', reason: '' }, { type: 'run.resumed', by: 'U2' });
  await run.execute();
  expect(run.did).toEqual(['look']);
  expect(run.state().blocked?.sessions).toEqual([nightly]);
});

it('a look ends nobody', async () => {
  const run = gateOver(new Set([nightly]));
  await run.push(hindered([nightly]), retry(nightly));
  await run.look();
  expect(run.did).toEqual(['look']);
});
