import { expect, it } from 'vitest';
import { factReaders } from '../../src/jobs/fact-readers.ts';
import { keysOf } from '../../src/jobs/redis.ts';

function reading() {
  const lists = new Map<string, string[]>();
  const asked: number[] = [];
  const redis = {
    async lrange(key: string, from: number | string) {
      asked.push(Number(from));
      return (lists.get(key) ?? []).slice(Number(from));
    },
  };
  const keys = keysOf('test');
  const { read } = factReaders(redis as Parameters<typeof factReaders>[0], keys);
  const write = (run: string, ...texts: readonly string[]) => {
    const list = lists.get(keys.log(run)) ?? [];
    lists.set(keys.log(run), [...list, ...texts.map((text) => JSON.stringify({ at: list.length, type: 'note', by: 'bot', text }))]);
  };
  const texts = async (run: string) => (await read(run)).map((fact) => ('text' in fact ? fact.text : ''));
  return { write, texts, asked, forget: (run: string) => lists.delete(keys.log(run)) };
}

it('reads what was appended since, and the last known fact once more', async () => {
  const { write, texts, asked } = reading();
  write('PG-1', 'a', 'b');
  expect(await texts('PG-1')).toEqual(['a', 'b']);
  expect(await texts('PG-1')).toEqual(['a', 'b']);
  write('PG-1', 'c');
  expect(await texts('PG-1')).toEqual(['a', 'b', 'c']);
  expect(asked).toEqual([0, 1, 1]);
});

it('does not believe what it knows of a log that was emptied or replaced', async () => {
  const { write, texts, forget } = reading();
  write('PG-1', 'a', 'b');
  await texts('PG-1');
  forget('PG-1');
  expect(await texts('PG-1')).toEqual([]);
  write('PG-1', 'x', 'y', 'z');
  expect(await texts('PG-1')).toEqual(['x', 'y', 'z']);
  forget('PG-1');
  write('PG-1', 'only');
  expect(await texts('PG-1')).toEqual(['only']);
});

it('knows each run by itself', async () => {
  const { write, texts } = reading();
  write('PG-1', 'one');
  write('PG-2', 'two');
  expect([await texts('PG-1'), await texts('PG-2'), await texts('PG-1')]).toEqual([['one'], ['two'], ['one']]);
});
