import fc from 'fast-check';
import type { ValueType } from './validator-values.ts';

const one = (...literals: readonly string[]) => fc.constantFrom(...literals);
const pairs = ['(,,)', '(1,sad,)', '(1,ok,)', '(1,sad,"")', '(1,sad,"a,b")', '(1,sad,a)', '(,,a)', '(,ok,)'];
const arrays = ['{1,2}', '[0:1]={1,2}', '{{1,2}}', '{{1},{2}}', '{}', '{NULL}', '[2:2]={NULL}', '{NULL,NULL}', '{2,1}'];

/** Types that people make, and built-in ones with a length, a scale or a collation. */
export const made: readonly ValueType[] = [
  { sql: 'mood', values: one('sad', 'ok', 'Ok', 'o k', "it's", 'back\\slash'), key: true },
  { sql: 'many', values: one('l1', 'l2', 'l11', 'l12'), key: true },
  { sql: 'pair', values: one(...pairs), key: true },
  {
    sql: 'nested',
    values: one(
      ...['(,,)', '("(,,)",,)', '("(1,sad,a)",{},0)', '("(1,sad,a)",{},-0)', '("(1,ok,a)","{""(1,sad,x)"",NULL}",1)', '("(1,ok,a)",,1)'],
    ),
  },
  { sql: 'single', values: one('()', '(1)', '(2)'), key: true },
  {
    sql: 'deep',
    values: one(
      '(,)',
      '("(,,)",)',
      '(,"(,,)")',
      '(,"(""(,,)"",,)")',
      '("(1,ok,a)","(""(1,ok,a)"",,1)")',
      '("(1,ok,b)","(""(1,ok,a)"",,1)")',
    ),
  },
  {
    sql: 'mixed',
    values: one('(,,,)', '(a,b,1,1)', '(b,a,1,1)', '(a,b,4294967296,1.0)', '("a ","b ",1,1.0)', '(A,b,1,1)', '(a,,,)', '(,a,,)'),
  },
  {
    sql: 'timed',
    values: one('(,,)', '(2000-01-01 00:00:00.000001,0,)', '(2000-01-01 01:11:34.967296,0,)', '(,0,)', '(,-0,)', '(,,"a ")', '(,,a)'),
  },
  { sql: 'sets', values: one('(,)', ...arrays.flatMap((array) => [`("${array}",)`, `(,"${array}")`])) },
  { sql: 'person', values: one('(,)', '(1,)', '(1,a)', '(,a)') },
  { sql: 'pairs', values: one(...pairs) },
  { sql: 'numbers', values: one(...arrays) },
  { sql: 'int[]', values: one(...arrays) },
  { sql: 'varchar[]', values: one(...arrays) },
  { sql: 'price', values: one('1', '1.0', '1.00', '2'), key: true },
  { sql: 'span', values: one('empty', '[0,1)', '[-0,1)', '[0,1]') },
  { sql: 'text collate case_insensitive', values: one('a', 'A', 'b', 'ä', 'Ä'), key: true },
  { sql: 'text[] collate case_insensitive', values: one('{a}', '{A}', '{b}', '[0:0]={a}', '{{a}}', '{a,A}', '{{A,a}}') },
  { sql: 'varchar(6)', values: one('a', 'a ', 'A', '', '数数'), key: true },
  { sql: 'char(4)', values: one('a', 'a ', 'A', '', 'ä'), key: true },
  { sql: 'bit(3)', values: one('101', '000', '001') },
  { sql: 'numeric(10,3)', values: one('1', '1.001', '-0', '99.999'), key: true },
  { sql: 'timestamp(1)', values: one('2024-01-01 00:00:00.04', '2024-01-01 00:00:00', '2024-01-01 00:00:00.1') },
  { sql: 'citext', values: one('a', 'A', 'b', 'B ', ''), key: true },
];

const labels = Array.from({ length: 12 }, (_, i) => `'l${i + 1}'`);
const around = (pair: string) => `
create extension citext;
create type mood as enum ('sad', 'ok', 'Ok', 'o k', 'it''s', 'back\\slash');
create type many as enum (${labels.join(', ')});
create collation case_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
${pair}
create type nested as (p pair, ps pair[], f float8);
create type single as (n int);
create type deep as (p pair, n nested);
create type mixed as (a text collate case_insensitive, b text, n bigint, x numeric);
create type timed as (at timestamp, f float8, c char(4));
create type sets as (a int[], b int[]);
create domain pairs as pair;
create domain numbers as int[];
create domain price as numeric check (value > 0);
create type span as range (subtype = float8);`;

/** The same types on both sides; on the destination with other oids, fields that were dropped, and fields that came later. */
export const madeTypes = {
  source: `${around('create type pair as (n int, m mood, t text);')} create table person (n int, t text);`,
  destination: `create type gone as enum ('a', 'b'); create table burnt (g gone);
${around(`create type pair as (gone int, n int, m mood, "also gone" text);
alter type pair drop attribute gone; alter type pair drop attribute "also gone"; alter type pair add attribute t text;`)}
create table person (gone int, n int); alter table person drop column gone; alter table person add column t text;`,
};
