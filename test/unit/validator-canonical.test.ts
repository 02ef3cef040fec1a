import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from '../../src/validator/objects/canonical.ts';
import { canonicalExpression } from '../../src/validator/objects/expression.ts';
import type { Line } from '../../src/validator/objects/list.ts';
import { tokensOf, unquoted } from '../../src/validator/objects/tokens.ts';

const schemas = new Set(['public', 'other', 'audience']);
function compared(text: string, straddles16 = true, kind = 'view-definition', deparsed = true): string | undefined {
  const line: Line = { kind, schema: 's', relation: 'v', prefix: null, parts: ['s', 'v'], suffix: null, text, deparsed };
  return canonical([line], { straddles16, schemas })[0]?.compared;
}
const expression = (text: string) => canonicalExpression(tokensOf(text));

describe('two spellings of the same are alike', () => {
  const alike = (name: string, one: string, two: string) => test(name, () => expect(compared(one)).toBe(compared(two)));
  alike(
    'a column with its qualifier (15) and without (17)',
    ' SELECT "x"."id",\n   "x"."n"\n  FROM "public"."t" "x";',
    ' SELECT "id",\n  "n"\n FROM "public"."t" "x";',
  );
  alike(
    'a qualifier that is named like a schema',
    'SELECT "audience"."id" FROM "audience"."audience"',
    'SELECT "id" FROM "audience"."audience"',
  );
  alike('the type json with quotes (15) and without (17)', `'{}'::"json"`, `'{}'::json`);
  alike(
    'the casts of a list, at the array and, after a restore, at each element',
    `CHECK ((("status")::"text" = ANY ((ARRAY['a'::character varying, 'b'::character varying])::"text"[])))`,
    `CHECK ((("status")::"text" = ANY (ARRAY[('a'::character varying)::"text", ('b'::character varying)::"text"])))`,
  );
  alike(
    'a BETWEEN in an AND, and the same after a restore',
    'CHECK (((("n" >= 1) AND ("n" <= 9)) AND ("m" > 0)))',
    'CHECK ((("n" >= 1) AND ("n" <= 9) AND ("m" > 0)))',
  );
});

describe('a real change is never taken for a spelling', () => {
  const unlike = (name: string, one: string, two: string) => test(name, () => expect(compared(one)).not.toBe(compared(two)));
  unlike('blanks in a string', `SELECT 'a  b'`, `SELECT 'a b'`);
  unlike('a line end in a string', `SELECT 'a\nb'`, `SELECT 'a b'`);
  unlike('quotes and a dot in a string', `SELECT '"x"."y"'`, `SELECT '"y"'`);
  unlike('the word json in a string', `SELECT '"json"'`, `SELECT 'json'`);
  unlike('a body between dollars', '$f$ select  1 $f$', '$f$ select 1 $f$');
  unlike('the schema of a table', 'SELECT "id" FROM "public"."t"', 'SELECT "id" FROM "other"."t"');
  unlike('the schema of a function', 'EXECUTE FUNCTION "public"."f"()', 'EXECUTE FUNCTION "other"."f"()');
  unlike('the schema of a type', `'a'::"public"."mood"`, `'a'::"other"."mood"`);
  unlike('a column', 'SELECT "x"."a" FROM "public"."t" "x"', 'SELECT "x"."b" FROM "public"."t" "x"');
  unlike('a name in another case', 'SELECT "a"', 'SELECT "A"');
  unlike('other parentheses', '((a OR b) AND c)', '(a OR (b AND c))');
  unlike('AND for OR', '(a AND b)', '(a OR b)');
  unlike('NOT over both or over one', '(NOT (a AND b))', '((NOT a) AND b)');
  unlike('a bound of BETWEEN', '(("n" >= 1) AND ("n" <= 9))', '(("n" >= 1) AND ("n" <= 8))');
  unlike('the type of a cast of a list', `(ARRAY['a'])::"text"[]`, `(ARRAY['a'])::"bpchar"[]`);
  unlike('an element of a list', `(ARRAY['a', 'b'])::"text"[]`, `(ARRAY['a', 'c'])::"text"[]`);
  unlike('the order of a list', `ARRAY['a', 'b']`, `ARRAY['b', 'a']`);
  unlike('an operator', '(a <= b)', '(a < b)');
  unlike('arithmetic parentheses', '((a + b) * c)', '(a + (b * c))');

  test('between servers on one side of 16 qualifiers count', () => {
    expect(compared('"a"."id"', false)).not.toBe(compared('"b"."id"', false));
  });
  test('a comment and a setting are compared letter by letter', () => {
    expect(compared('a  b', true, 'comment', false)).toBe('a  b');
    expect(compared('search_path="json"', true, 'setting', false)).toBe('search_path="json"');
  });
});

type Tree = string | { readonly of: 'AND' | 'OR' | 'NOT'; readonly parts: readonly Tree[] };
const trees = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', 'c', 'd'),
    fc.record({ of: fc.constantFrom('AND' as const, 'OR' as const), parts: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }) }),
    fc.record({ of: fc.constant('NOT' as const), parts: fc.tuple(tie('tree')) }),
  ),
})).tree;
const sqlOf = (tree: Tree): string =>
  typeof tree === 'string'
    ? tree
    : tree.of === 'NOT'
      ? `(NOT ${tree.parts.map(sqlOf).join()})`
      : `(${tree.parts.map(sqlOf).join(` ${tree.of} `)})`;
/** Which of the 16 assignments of a to d make it true. */
function truthOf(sql: string): string {
  const value = Function('a', 'b', 'c', 'd', `return ${sql.replaceAll('AND', '&&').replaceAll('OR', '||').replaceAll('NOT', '!')};`);
  return Array.from({ length: 16 }, (_, i) => Number(value(i & 1, i & 2, i & 4, i & 8) ? 1 : 0)).join('');
}

test('a condition in its common spelling is true exactly where it was', () => {
  fc.assert(
    fc.property(trees, (tree) => {
      expect(truthOf(expression(sqlOf(tree)))).toBe(truthOf(sqlOf(tree)));
    }),
  );
});

test('conditions that are true elsewhere never get the same spelling', () => {
  fc.assert(
    fc.property(trees, trees, (one, two) => {
      if (truthOf(sqlOf(one)) !== truthOf(sqlOf(two))) expect(expression(sqlOf(one))).not.toBe(expression(sqlOf(two)));
    }),
    { numRuns: 2_000 },
  );
});

test('people see quotes only where they are needed', () => {
  expect(unquoted('"public"."Odd""Name"("a" "int") \'"quoted"\'')).toBe('public."Odd""Name"(a int) \'"quoted"\'');
});
