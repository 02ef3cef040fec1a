import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StandaloneRequest, validateStandalone } from '../../src/validator/standalone.ts';
import { seed } from '../support/validator-seed.ts';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

let world: ValidatorWorld;
let outDir: string;
beforeAll(async () => {
  world = await openWorld();
  outDir = await mkdtemp(join(tmpdir(), 'pgupgrade-out-'));
  await world.rebuild(seed(500));
});
afterAll(async () => {
  await world?.close();
  await rm(outDir, { recursive: true, force: true });
});

const validate = (request: Partial<StandaloneRequest> = {}) =>
  validateStandalone({
    source: world.dsn('source'),
    destination: world.dsn('destination'),
    jobs: 2,
    json: false,
    signal: new AbortController().signal,
    ...request,
  });

describe('the validator alone', () => {
  test('exits 0 and says EQUAL first, with progress on the way', async () => {
    const lines: string[] = [];
    const answer = await validate({ onProgress: (line) => lines.push(line) });
    expect(answer.text.split('\n')[0]).toBe('EQUAL');
    expect(answer.exitCode).toBe(0);
    expect(lines.at(-1)).toMatch(/^100 % of [\d.]+ [kM]B, 1,890 rows/);
  });

  test('exits 1, shows 20 rows a table and writes every difference to both files', async () => {
    await world.on(
      'destination',
      'set session_replication_role = replica',
      `update campaign set code = null where id <= 30`,
      'drop index campaign_customer',
    );
    const answer = await validate({ outDir });
    expect(answer.exitCode).toBe(1);
    expect(answer.text).toContain('public.campaign     500          500        0      0       30');
    expect(answer.text).toMatch(/changed id=1: code c1 {4} → NULL/);
    expect(answer.text).toContain('and 10 more');
    expect(answer.text).toContain('index public.campaign_customer: missing on the destination');
    const lines = (await readFile(join(outDir, 'differences.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).kind)).toEqual([...Array.from({ length: 30 }, () => 'changed'), 'index']);
    const csv = (await readFile(join(outDir, 'differences.csv'), 'utf8')).trim().split('\n');
    expect(csv).toHaveLength(32);
    expect(csv).toContain('row,public.campaign,"{""id"":""1""}",changed,code,c1    ,');
  });

  test('rows that may differ are no difference, and are in the files all the same', async () => {
    const expected = [{ kind: 'rows', object: 'public.campaign', reason: 'Codes are given anew.' }];
    const answer = await validate({ outDir, rowsOnly: true, expected });
    expect(answer.exitCode).toBe(0);
    expect(answer.verdict?.expected).toMatchObject([{ object: 'public.campaign', reason: 'Codes are given anew.' }]);
    expect(answer.text).toContain(`All differences: differences.csv and differences.jsonl in ${outDir}`);
    const lines = (await readFile(join(outDir, 'differences.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).table)).toEqual(Array.from({ length: 30 }, () => 'public.campaign'));
    const csv = (await readFile(join(outDir, 'differences.csv'), 'utf8')).trim().split('\n');
    expect(csv.slice(1)).toHaveLength(30);
    expect(csv).toContain('row,public.campaign,"{""id"":""1""}",changed,code,c1    ,');
  });

  test('compares only the rows, the objects, the tables that are asked for', async () => {
    expect((await validate({ schemaOnly: true })).verdict).toMatchObject({ tables: [], objects: [{ kind: 'index' }] });
    expect((await validate({ rowsOnly: true })).verdict).toMatchObject({ objects: [] });
    const one = await validate({ tables: ['"Odd ""Schema"."Odd.Table"'] });
    expect(one.verdict?.tables.map((table) => table.table)).toEqual(['"Odd ""Schema"."Odd.Table"']);
    expect(one.exitCode).toBe(0);
    expect((await validate({ schemas: ['audience_data'], json: true })).text).toMatch(/^\{"equal":true/);
  });

  test('rows only: a table that the destination lacks is still a difference', async () => {
    await world.on('source', 'create table only_here (a int)');
    const answer = await validate({ rowsOnly: true });
    await world.on('source', 'drop table only_here');
    expect(answer.verdict?.objects).toMatchObject([{ kind: 'table', object: 'public.only_here', destination: null }]);
  });

  describe('exits 2 with one sentence', () => {
    const refused = (name: string, request: () => Partial<StandaloneRequest>, text: RegExp) =>
      test(name, async () => {
        const answer = await validate(request());
        expect(answer.text).toMatch(text);
        expect(answer.exitCode).toBe(2);
      });
    refused(
      'where the address is none, without repeating it',
      () => ({ source: 'secret-password@host' }),
      /^Could not compare. The address of the source is not one like postgres:/,
    );
    refused(
      'where nobody listens',
      () => ({ destination: 'postgres://u:p@127.0.0.1:1/inapp' }),
      /No connection on the destination.*ECONNREFUSED/,
    );
    refused(
      'where the password is wrong',
      () => ({ source: world.dsn('source').replace(/:[^:@]+@/, ':wrong@') }),
      /password authentication failed.*on the source/,
    );
    refused(
      'where no table matches',
      () => ({ tables: ['public.campain'], rowsOnly: true }),
      /No table was compared: neither side has public.campain/,
    );
    refused('where both addresses are one database', () => ({ destination: world.dsn('source') }), /one and the same database/);
    refused('where nothing replicates and the comparison is live', () => ({ live: true }), /no slot of plugin pglogical_output/);
  });

  test('is interrupted at once and leaves nothing running on the servers', async () => {
    await world.on(
      'source',
      'create table slow (id int, constraint never check (id > 0))',
      'insert into slow select generate_series(1, 3)',
    );
    await world.on(
      'destination',
      'create table slow (id int, constraint never check (id > 0))',
      'insert into slow select generate_series(1, 3)',
    );
    const abort = new AbortController();
    // The lock holds the comparison until it is interrupted: the lock wait ends after the lock timeout and is tried again.
    const holder = world
      .on('destination', 'begin', 'lock table slow in access exclusive mode', 'select pg_sleep(30)')
      .catch(() => undefined);
    const answer = validate({ rowsOnly: true, tables: ['public.slow'], signal: abort.signal });
    await waitFor(async () => (await world.on('destination', `select 1 from pg_locks where not granted`)).length > 0);
    abort.abort();
    const began = Date.now();
    expect((await answer).text).toBe('Could not compare. It was interrupted.');
    expect(Date.now() - began).toBeLessThan(1_500);
    await waitFor(async () => (await world.sessions('source')) + (await world.sessions('destination')) === 0);
    await world.on(
      'destination',
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid()`,
    );
    await holder;
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  throw new Error('It did not happen within 10 s.');
}
