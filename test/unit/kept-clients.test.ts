import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { keptClients } from '../../src/kept-clients.ts';
import type { Execution, OpenedClients } from '../../src/open-clients.ts';

const subject = { service: 'inapp', environment: 'staging' };
const execution = (applicationName: string): Execution => ({
  applicationName,
  guard: async () => undefined,
  signal: new AbortController().signal,
  readOnly: false,
});

function pool() {
  const history: string[] = [];
  let opened = 0;
  const kept = keptClients((_subject, { applicationName }) => {
    const name = `clients ${++opened}`;
    history.push(`${name} opened for ${applicationName}`);
    return {
      bind: (next: Execution) => void history.push(`${name} bound to ${next.applicationName}`),
      close: async () => void history.push(`${name} closed`),
    } as Partial<OpenedClients> as OpenedClients;
  });
  return { kept, history };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('hands the clients of a run to its next execution, bound to it, and to no other run', () => {
  const { kept, history } = pool();
  kept.keep('PG-1-a', kept.take('PG-1-a', subject, execution('first')));
  kept.take('PG-2-b', subject, execution('other'));
  kept.take('PG-1-a', subject, execution('second'));
  expect(history).toEqual(['clients 1 opened for first', 'clients 2 opened for other', 'clients 1 bound to second']);
});

it('never hands the same clients to two executions', () => {
  const { kept, history } = pool();
  kept.keep('PG-1-a', kept.take('PG-1-a', subject, execution('first')));
  kept.take('PG-1-a', subject, execution('step'));
  kept.take('PG-1-a', subject, execution('give-back'));
  expect(history.at(-1)).toBe('clients 2 opened for give-back');
});

it('closes what nobody takes up within 15 seconds, and everything at the end', async () => {
  const { kept, history } = pool();
  kept.keep('PG-1-a', kept.take('PG-1-a', subject, execution('first')));
  vi.advanceTimersByTime(15_000);
  expect(history.at(-1)).toBe('clients 1 closed');
  kept.keep('PG-1-a', kept.take('PG-1-a', subject, execution('second')));
  await kept.close();
  expect(history.slice(2)).toEqual(['clients 2 opened for second', 'clients 2 closed']);
});
