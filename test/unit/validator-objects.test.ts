import { describe, expect, test } from 'vitest';
import { newer, waveThrough } from '../../src/validator/expected.ts';
import { canonical, unquoted, withoutQualifiers } from '../../src/validator/objects/canonical.ts';
import { joined } from '../../src/validator/objects/join.ts';
import type { Item, Line } from '../../src/validator/objects/list.ts';
import { behind, type SequenceState } from '../../src/validator/objects/sequence-values.ts';

const item = (kind: string, object: string, text = 'x', relation: string | null = null): Item => ({
  kind,
  schema: 'public',
  relation,
  object,
  text,
});

describe('the join of two lists', () => {
  test('gives what one side lacks and what has another text', () => {
    const source = [item('index', 'a'), item('index', 'b', 'old'), item('index', 'same')];
    const destination = [item('index', 'same'), item('index', 'b', 'new'), item('index', 'c')];
    expect(joined(source, destination)).toEqual([
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
    expect(joined(source, []).map((each) => `${each.kind} ${each.object}`)).toEqual([
      'grant function public.f() to reader',
      'table public.t',
    ]);
  });
});

describe('canonical text', () => {
  const line = (text: string, deparsed = true): Line => ({
    kind: 'view-definition',
    schema: 's',
    relation: 'v',
    prefix: null,
    parts: ['s', 'v'],
    suffix: null,
    text,
    deparsed,
  });
  test('15 and 17 print one view alike once qualifiers are gone', () => {
    const old = ' SELECT "x"."id",\n    "x"."name"\n   FROM "public"."t" "x";';
    const now = ' SELECT "id",\n    "name"\n   FROM "public"."t" "x";';
    expect(withoutQualifiers(old)).toBe(withoutQualifiers(now));
    expect(canonical([line(old)], true)).toEqual(canonical([line(now)], true));
  });
  test('between servers of the same kind qualifiers count', () => {
    expect(canonical([line('"a"."id"')], false)).not.toEqual(canonical([line('"b"."id"')], false));
  });
  test('the type json is printed alike by all', () => {
    expect(canonical([line(`'{}'::"json"`, false)], false)).toEqual(canonical([line(`'{}'::json`, false)], false));
  });
  test('people see quotes only where they are needed', () => {
    expect(unquoted('"public"."Odd""Name"("a" "int")')).toBe('public."Odd""Name"(a int)');
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
  const difference = (kind: string, object: string) => ({ database: 'd', kind, object, source: 'a', destination: 'b' });
  test('is waved through by kind, and by object where one is given', () => {
    const { objects, expected } = waveThrough(
      [difference('owner', 'table t'), difference('index', 't.i'), difference('index', 't.j')],
      [
        { kind: 'owner', reason: 'later' },
        { kind: 'index', object: 't.i', reason: 'dropped' },
      ],
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
    expect(waveThrough([version('1.9', '1.10')], []).objects).toEqual([]);
    expect(waveThrough([version('1.10', '1.9')], []).objects).toHaveLength(1);
    expect(newer('3.4.10', '3.4.9')).toBe(true);
  });
});
