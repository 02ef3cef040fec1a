import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../src/validator/compare.ts';
import { keepSchema } from '../../src/validator/schema-drift.ts';
import { carryTables, driftNow, tripwire } from '../../src/validator/tripwire.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { subscribe } from '../support/pglogical.ts';
import { type RecordingRun, recordingRun } from '../support/step-run.ts';

const target = { databases: { inapp: { schemas: ['public', 'audience_data'] } }, secrets: {} };
let pair: Pair;
let run: RecordingRun;

const watched = () => {
  const open = (side: 'source' | 'destination') => ({
    open: (database: string) => pair.as(side, database, 'postgres', passwords.postgres, 'pgupgrade/validator'),
  });
  return {
    target,
    postgres: pair.bot('tripwire'),
    validator: createValidator({ source: open('source'), destination: open('destination') }),
  };
};
const asOwner = async (side: 'source' | 'destination', text: string) => {
  const owner = await pair.as(side, 'inapp', application);
  await owner.query(text);
  await owner.end();
};
/** The source's schema is held as it is now. */
async function hold(): Promise<void> {
  run = recordingRun('hold-schema-changes', { uid: 'abcd1234' });
  await run.record('fingerprint', await keepSchema(watched()));
  run = recordingRun('prepare-switch', { uid: 'abcd1234' }, run.ledger);
}

beforeAll(async () => {
  pair = await openPair();
  const root = `create table audience_data.member (k int not null, id bigint not null, v text, primary key (k, id)) partition by list (k);
    create table audience_data.member_1 partition of audience_data.member for values in (1)`;
  for (const side of ['source', 'destination'] as const) {
    await asOwner(side, root);
    // As in a run: the migration reads what the owner makes from now on.
    await asOwner(
      side,
      'grant usage on schema public, audience_data to migration; alter default privileges grant select on tables to migration',
    );
    await pair
      .admin(
        side,
        'inapp',
        `create role cloudsqlexternalsync; grant cloudsqlexternalsync to postgres; alter schema audience_data owner to "${application}"`,
      )
      .catch(() => undefined);
  }
  await subscribe(pair);
  await pair.admin(
    'destination',
    'inapp',
    `grant cloudsqlexternalsync to postgres with admin option; grant create, usage on schema public, audience_data to cloudsqlexternalsync;
    alter table audience_data.member owner to cloudsqlexternalsync; grant usage on schema pglogical to cloudsqlexternalsync; grant select on all tables in schema pglogical to cloudsqlexternalsync;
    create type mood as enum ('a'); alter type mood owner to cloudsqlexternalsync`,
  );
  await pair.admin(
    'source',
    'inapp',
    `grant usage on schema pglogical to migration; grant select, insert on all tables in schema pglogical to migration; create type mood as enum ('a'); alter type mood owner to "${application}"`,
  );
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

describe('the schema’s tripwire', () => {
  it('is not tripped by rows, VACUUM, ANALYZE, TRUNCATE and grants', async () => {
    await hold();
    await asOwner(
      'source',
      `insert into campaign (name) values ('row'); grant select on campaign to bigquery; create table scratch (id int primary key)`,
    );
    await hold();
    await asOwner('source', 'insert into scratch values (1)');
    for (const text of ['vacuum', 'analyze', 'vacuum full scratch', 'truncate scratch']) await asOwner('source', text);
    await asOwner('source', 'create temporary table t (id int); grant select on scratch to bigquery');
    expect(await driftNow(watched(), run)).toBeUndefined();
    expect(await tripwire(watched(), run)).toBeUndefined();
    await asOwner('source', 'drop table scratch');
  });

  it('names what was changed and whose it is, with the statement that makes both sides the same', async () => {
    await hold();
    await asOwner(
      'source',
      `alter table campaign add column extra int not null default 0; create index by_name on campaign (name); alter type mood add value 'b'`,
    );
    const words = await driftNow(watched(), run);
    for (const one of ['column public.campaign.extra', 'index public.by_name', 'type public.mood'])
      expect(words).toContain(`${one} (role ${application})`);
    const tripped = await tripwire(watched(), run);
    expect(tripped).toMatchObject({ is: 'blocking', remedy: expect.stringContaining('press Retry') });
    const reason = tripped?.is === 'blocking' ? tripped.reason : '';
    expect(reason).toContain('run: alter table public.campaign add column extra integer not null default 0');
    expect(reason).toContain('run: CREATE INDEX by_name ON public.campaign USING btree (name)');
    await pair.admin(
      'destination',
      'inapp',
      `alter table campaign add column extra int not null default 0; create index by_name on campaign (name); alter type mood add value 'b'`,
    );
    expect(await tripwire(watched(), run)).toBeUndefined();
    expect(await driftNow(watched(), run)).toBeUndefined();
  });

  it('sees what was dropped, and that it was taken back', async () => {
    await hold();
    await asOwner('source', 'drop index by_name');
    expect(await driftNow(watched(), run)).toMatch(/^database inapp: /);
    expect(await tripwire(watched(), run)).toMatchObject({
      is: 'blocking',
      reason: expect.stringContaining('run: drop index public.by_name'),
    });
    await asOwner('source', 'create index by_name on campaign (name)');
    expect(await tripwire(watched(), run)).toBeUndefined();
  });

  it('carries new tables and partitions over, with the rows that they have and those that come', async () => {
    await hold();
    await asOwner(
      'source',
      `create table fresh (id bigserial primary key, v text); insert into fresh (v) select 'old' from generate_series(1, 500);
      create table audience_data.member_9 partition of audience_data.member for values in (9); insert into audience_data.member select 9, g, 'm' from generate_series(1, 50) g`,
    );
    const tripped = await tripwire(watched(), run);
    expect(tripped).toMatchObject({ is: 'carryable' });
    if (tripped?.is !== 'carryable') return;
    expect(tripped.tables.map(({ table }) => table)).toEqual(['audience_data.member_9', 'public.fresh']);
    await carryTables(watched(), run, tripped.tables, passwords.migration);
    await asOwner(
      'source',
      `insert into fresh (v) values ('new'); update fresh set v = 'changed' where id < 10; insert into audience_data.member values (9, 99, 'late')`,
    );
    for (const table of ['fresh', 'audience_data.member_9']) {
      const sum = (side: 'source' | 'destination') =>
        pair.admin(side, 'inapp', `select count(*)::int as n, sum(hashtext(t::text)::bigint)::text as h from ${table} t`);
      const wanted = await sum('source');
      await expect.poll(() => sum('destination'), { timeout: 20_000 }).toEqual(wanted);
    }
    expect(await tripwire(watched(), run)).toBeUndefined();
  });
});
