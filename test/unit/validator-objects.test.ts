import { describe, expect, test } from 'vitest';
import { newer, waveThrough } from '../../src/validator/expected.ts';
import { joined, withoutBelongings } from '../../src/validator/objects/join.ts';
import type { Item } from '../../src/validator/objects/list.ts';
import { behind, type SequenceState } from '../../src/validator/objects/sequence-values.ts';

const item = (kind: string, object: string, text = 'x', relation: string | null = null): Item => ({
  kind,
  schema: 'public',
  relation,
  object,
  text,
  compared: text,
});

describe('the join of two lists', () => {
  test('gives what one side lacks and what has another text', () => {
    const source = [item('index', 'a'), item('index', 'b', 'old'), item('index', 'same')];
    const destination = [item('index', 'same'), item('index', 'b', 'new'), item('index', 'c')];
    expect(withoutBelongings(joined(source, destination))).toEqual([
      { kind: 'index', object: 'a', source: 'x', destination: null },
      { kind: 'index', object: 'b', source: 'old', destination: 'new' },
      { kind: 'index', object: 'c', source: null, destination: 'x' },
    ]);
  });

  test('names a table that is not there once, without its columns, owner and grants', () => {
    const source = [
      item('table', 'public.t', 'table', 't'),
      item('column', 'public.t.id', 'bigint', 't'),
      item('owner', 'table public.t', 'app', 't'),
      item('grant', 'table public.t to reader', 'SELECT', 't'),
      item('grant', 'function public.f() to reader', 'EXECUTE'),
    ];
    expect(withoutBelongings(joined(source, [])).map((each) => `${each.kind} ${each.object}`)).toEqual([
      'grant function public.f() to reader',
      'table public.t',
    ]);
  });
});

describe('a sequence', () => {
  const at = (next: bigint, farthest?: bigint, increment = 1n): SequenceState => ({ next, farthest, increment });
  test('goes on where the source stopped, or later', () => {
    expect(behind(at(501n, 500n), at(501n, 500n))).toBeUndefined();
    expect(behind(at(501n, 500n), at(900n, 500n))).toBeUndefined();
    expect(behind(at(501n, 500n), at(500n, 499n))).toBe('next 500');
  });
  test('is behind where the column holds its next value already, unless the source has the same flaw', () => {
    expect(behind(at(501n, 500n), at(600n, 700n))).toBe('next 600, but its column already holds 700');
    expect(behind(at(501n, 700n), at(501n, 700n))).toBeUndefined();
  });
  test('that counts down is judged downwards', () => {
    expect(behind(at(-5n, -4n, -1n), at(-9n, -4n, -1n))).toBeUndefined();
    expect(behind(at(-5n, -4n, -1n), at(-3n, -2n, -1n))).toBe('next -3');
  });
});

describe('what the run intends', () => {
  const alike = { source: 15, destination: 17 };
  const difference = (kind: string, object: string) => ({ database: 'd', kind, object, source: 'a', destination: 'b' });
  test('is waved through by kind, and by object where one is given', () => {
    const { objects, expected } = waveThrough(
      [difference('owner', 'table t'), difference('index', 't.i'), difference('index', 't.j')],
      [
        { kind: 'owner', reason: 'later' },
        { kind: 'index', object: 't.i', reason: 'dropped' },
      ],
      alike,
    );
    expect(objects.map((each) => each.object)).toEqual(['t.j']);
    expect(expected.map((each) => each.reason)).toEqual(['later', 'dropped']);
  });
  test('a newer extension is no difference, an older one is', () => {
    const version = (source: string, destination: string) => ({
      database: 'd',
      kind: 'extension-version',
      object: 'x',
      source,
      destination,
    });
    expect(waveThrough([version('1.9', '1.10')], [], alike).objects).toEqual([]);
    expect(waveThrough([version('1.10', '1.9')], [], alike).objects).toHaveLength(1);
    expect(newer('3.4.10', '3.4.9')).toBe(true);
  });
  test('what 15 brought with it is expected across it, in that direction, and word for word', () => {
    const grant = (source: string | null, destination: string | null, object = 'schema public to PUBLIC') => ({
      database: 'd',
      kind: 'grant',
      object,
      source,
      destination,
    });
    const across = { source: 13, destination: 17 };
    const left = (each: ReturnType<typeof grant>, versions = across) => waveThrough([each], [], versions).objects.length;
    expect(left(grant('CREATE, USAGE', 'USAGE'))).toBe(0);
    expect(left(grant('CREATE, USAGE', 'USAGE'), alike)).toBe(1);
    expect(left(grant('USAGE', 'CREATE, USAGE'))).toBe(1);
    expect(left(grant('CREATE, USAGE', null))).toBe(1);
    expect(left(grant('CREATE, USAGE', 'USAGE', 'schema app to PUBLIC'))).toBe(1);
    const owner = (destination: string) => ({ database: 'd', kind: 'owner', object: 'schema public', source: 'postgres', destination });
    expect(waveThrough([owner('pg_database_owner')], [], across).objects).toEqual([]);
    expect(waveThrough([owner('somebody')], [], across).objects).toHaveLength(1);
    expect(waveThrough([owner('pg_database_owner')], [], alike).objects).toHaveLength(1);
  });
  test('missing statistics are told and are no difference', () => {
    const analyze = { database: 'd', kind: 'analyze', object: 'public.t', source: 'analyzed', destination: null };
    expect(waveThrough([analyze], [], alike).expected[0]?.reason).toContain('ANALYZE');
  });
});
