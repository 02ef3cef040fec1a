import { describe, expect, test } from 'vitest';
import { commit } from '../../src/engine/commit.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { done, type Runbook } from '../../src/engine/step.ts';
import { runStarted } from '../support/engine-log.ts';
import { memoryLog } from '../support/memory-log.ts';

const runbook: Runbook<object> = [
  { name: 'Only', steps: [{ id: 'one', title: 'one', impact: 'none', check: async () => done('one'), undo: { keep: 'nothing' } }] },
];
const shape = shapeOf(runbook);
const note = (text: string): FactBody => ({ type: 'note', by: 'bot', text });

/** `asked`: what the log was asked, in order, and when each was answered. */
function opened() {
  const memory = memoryLog([runStarted(['one'])], async () => undefined);
  const asked: string[] = [];
  const told = async <T>(what: string, work: Promise<T>): Promise<T> => {
    asked.push(what);
    const answer = await work;
    asked.push(`${what} answered`);
    return answer;
  };
  const log: typeof memory.log = {
    ...memory.log,
    read: (run) => told('read', memory.log.read(run)),
    append: (...request) => told('append', memory.log.append(...request)),
  };
  return { memory, asked, request: { log, shape, run: 'PG-1' }, known: () => fold(memory.facts, shape) };
}

describe('a commit by somebody who knows the state', () => {
  test('goes to the log and back once', async () => {
    const { asked, request, known } = opened();
    const { state, written } = await commit(request, () => [note('a'), note('b')], known());
    expect(asked).toEqual(['append', 'read', 'append answered', 'read answered']);
    expect(written).toHaveLength(2);
    expect(state).toEqual(known());
    expect(state.version).toBe(3);
  });

  test('never says on an old picture that there is nothing to write', async () => {
    const { memory, request, known } = opened();
    const old = known();
    await memory.log.append('PG-1', 1, [note('of somebody else')]);
    const { state, written } = await commit(request, (now) => (now.version < 2 ? undefined : [note('after it')]), old);
    expect(written).toEqual([note('after it')]);
    expect(state.version).toBe(3);
  });

  test('writes nothing that was decided on an old picture', async () => {
    const { memory, request, known } = opened();
    const old = known();
    await memory.log.append('PG-1', 1, [note('of somebody else')]);
    const seen: number[] = [];
    const { state } = await commit(
      request,
      (now) => {
        seen.push(now.version);
        return [note(`on ${now.version}`)];
      },
      old,
    );
    expect(seen).toEqual([1, 2]);
    expect(memory.facts.map((fact) => fact.type === 'note' && fact.text)).toEqual([false, 'of somebody else', 'on 2']);
    expect(state.version).toBe(3);
  });

  test('gives the state with its own facts also where the log was read before they came', async () => {
    const { memory, request, known } = opened();
    const before = [...memory.facts];
    let reads = 0;
    const log = { ...request.log, read: async () => (++reads === 1 ? before : [...memory.facts]) };
    const { state } = await commit({ ...request, log }, () => [note('a')], known());
    expect(state.version).toBe(2);
  });
});
