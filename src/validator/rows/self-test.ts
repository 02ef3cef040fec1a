import { NeedsHuman } from '../../errors.ts';
import type { Pair } from '../pairs.ts';
import { both } from '../pairs.ts';
import type { HashForm } from './form.ts';

const literals = `true, 'x'::bytea, 'naïve – 数'::text, 'n'::name, 1::smallint, -2::int, 30000000000::bigint, 30000000000::bigint >> 32, 4::oid,
  '10.0.0.1/8'::inet, '08:00:2b:01:02:03'::macaddr, date '2024-02-29', time_send(time '12:34:56.789'), timestamp_send(timestamp '2024-02-29 12:34:56.789012'),
  timestamptz_send(timestamptz '2024-02-29 12:34:56.789012+00'), timetz_send(timetz '12:34:56+02'), 'f4f8c9a6-0000-4000-8000-000000000001'::uuid,
  pg_lsn_send('0/16B3748'::pg_lsn), null::text, ''::text, float4send('0.1'::float4), float8send('-0'::float8), bpcharsend('a'::char(3)), (1.10::numeric)::text`;

const probe: Readonly<Record<HashForm, string>> = {
  record: `select hashint4extended(1, hash_record_extended(row(${literals}), 0))::text as hash`,
  text: `select hashtextextended(row(${literals})::text, 1)::text as hash`,
  bytes: `select hashtextextended(encode(convert_to(row(${literals})::text, 'UTF8'), 'hex'), 1)::text as hash`,
};

/**
 * The fastest form in which both servers hash the same literals alike. PostgreSQL does not promise stable hashes across
 * major versions or machines, so it is asked. Errors: NeedsHuman `validator.no-common-hash`.
 */
export async function commonForm(pair: Pair): Promise<HashForm> {
  const forms: readonly HashForm[] =
    Math.min(pair.source.version, pair.destination.version) >= 14 ? ['record', 'text', 'bytes'] : ['text', 'bytes'];
  // The same bytes mean other characters in another encoding: only the converted text compares characters.
  const encodings = await both(pair, (session) => session.texts(`select current_setting('server_encoding')`));
  const same = encodings.source[0]?.[0] === encodings.destination[0]?.[0];
  for (const form of same ? forms : (['bytes'] as const)) {
    const answer = await both(pair, (session) => session.texts(probe[form])).catch((error: unknown) => {
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
