import { NeedsHuman } from '../../errors.ts';
import type { Pair } from '../pairs.ts';
import { both } from '../pairs.ts';
import { type HashForm, rowHash, sharedColumns } from './form.ts';

/** A value of every kind of hash, by pg_type.oid; what has no exact one goes by its text. */
const literals: readonly (readonly [typeId: number, literal: string])[] = [
  [16, 'true'],
  [17, `'x'::bytea`],
  [18, `'c'::"char"`],
  [19, `'n'::name`],
  [20, '30000000000::bigint'],
  [21, '-1::smallint'],
  [23, '-2'],
  [25, `'naïve – 数'::text`],
  [25, 'null::text'],
  [25, `''::text`],
  [26, '4::oid'],
  [650, `'10.0.0.0/8'::cidr`],
  [700, `'0.1'::float4`],
  [701, `'-0'::float8`],
  [701, `'1e300'::float8`],
  [701, `'NaN'::float8`],
  [774, `'08:00:2b:01:02:03:04:05'::macaddr8`],
  [829, `'08:00:2b:01:02:03'::macaddr`],
  [869, `'10.0.0.1/8'::inet`],
  [1042, `'a'::char(3)`],
  [1043, `'v'::varchar`],
  [1082, `date '2024-02-29'`],
  [1083, `time '12:34:56.789'`],
  [1114, `timestamp '2024-02-29 12:34:56.789012'`],
  [1184, `timestamptz '2024-02-29 12:34:56.789012+00'`],
  [1266, `timetz '12:34:56+02'`],
  [1700, '1.10::numeric'],
  [1000, `'[0:2]={t,f,NULL}'::boolean[]`],
  [1001, `array['x'::bytea, '']`],
  [1002, `'{c}'::"char"[]`],
  [1003, `'{n}'::name[]`],
  [1005, `'{-1,2}'::smallint[]`],
  [1007, `'{{-2,3},{4,5}}'::integer[]`],
  [1007, `'{}'::integer[]`],
  [1009, `array['naïve – 数', null, '']`],
  [1015, `'{v}'::varchar[]`],
  [1028, `'{4}'::oid[]`],
  [1040, `'{08:00:2b:01:02:03}'::macaddr[]`],
  [775, `'{08:00:2b:01:02:03:04:05}'::macaddr8[]`],
  [1041, `'{10.0.0.1/8,::1}'::inet[]`],
  [651, `'{10.0.0.0/8}'::cidr[]`],
  [1182, `'{2024-02-29,infinity}'::date[]`],
  [2951, `'{f4f8c9a6-0000-4000-8000-000000000001}'::uuid[]`],
  [2950, `'f4f8c9a6-0000-4000-8000-000000000001'::uuid`],
  [3220, `'0/16B3748'::pg_lsn`],
];
const columns = literals.map(([typeId], i) => ({ name: `c${i}`, type: 'any', typeId }));

function probe(form: HashForm): string {
  const values = literals.map(([, literal], i) => `${literal} as c${i}`).join(', ');
  return `select ${rowHash(sharedColumns(columns, columns), form)}::text from (select ${values}) t`;
}

/**
 * The fastest form in which both servers hash the same row alike. PostgreSQL does not promise stable hashes across
 * major versions or machines, so it is asked. Errors: NeedsHuman `validator.no-common-hash`.
 */
export async function commonForm(pair: Pair): Promise<HashForm> {
  const forms: readonly HashForm[] =
    Math.min(pair.source.version, pair.destination.version) >= 14 ? ['columns', 'text', 'bytes'] : ['text', 'bytes'];
  // The same bytes mean other characters in another encoding: only the converted text compares characters.
  const encodings = await both(pair, (session) => session.texts(`select current_setting('server_encoding')`));
  const same = encodings.source[0]?.[0] === encodings.destination[0]?.[0];
  for (const form of same ? forms : (['bytes'] as const)) {
    const answer = await both(pair, (session) => session.texts(probe(form))).catch((error: unknown) => {
      // An encoding that lacks the probe's characters (LATIN1) refuses the literal.
      if (form === 'bytes') throw error;
      return undefined;
    });
    if (answer && answer.source[0]?.[0] === answer.destination[0]?.[0]) return form;
  }
  throw new NeedsHuman('validator.no-common-hash', 'The two servers hash the same values differently, so rows cannot be compared.', {
    remedy: 'Compare them from servers of the same architecture, or report this with both versions.',
  });
}
