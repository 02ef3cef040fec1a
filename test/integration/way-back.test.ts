import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armWayBack, disarmWayBack, isArmed, lookAtWayBack, type WayBackRequest } from '../../src/postgres/way-back.ts';
import { rehearseWayBack } from '../../src/postgres/way-back-rehearsal.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { subscribe, unsubscribe } from '../support/pglogical.ts';

let pair: Pair;
const signal = new AbortController().signal;
const request = (): WayBackRequest => ({
  postgres: pair.bot('way-back'),
  uid: 'abcd1234',
  databases: ['inapp'],
  user: 'wayback',
  password: passwords.wayback,
});
const leftovers = async () =>
  Promise.all(
    (['source', 'destination'] as const).map((side) =>
      pair.admin(
        side,
        'inapp',
        `select (select count(*)::int from pg_publication where pubname like 'pgupgrade%') + (select count(*)::int from pg_subscription) +
           (select count(*)::int from pg_replication_slots where slot_name like 'pgupgrade%') + (select count(*)::int from pg_namespace where nspname like 'pgupgrade%') as n,
           (select string_agg(roleid::regrole::text, ',' order by 1) from pg_auth_members where member = 'postgres'::regrole) as memberships`,
      ),
    ),
  );

beforeAll(async () => {
  pair = await openPair();
  await subscribe(pair);
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

describe('the way back', () => {
  it('is rehearsed both ways while the migration runs, and leaves nothing behind', async () => {
    const before = await leftovers();
    const { problems, tried } = await rehearseWayBack(request(), [], async () => undefined, signal);
    expect(problems).toEqual([]);
    expect(tried).toEqual(['database inapp, from the destination to the source', 'database inapp, from the source to the destination']);
    expect(await leftovers()).toEqual(before);
    await pair.admin('source', 'inapp', `insert into campaign (customer_id, name) values (7, 'still forward')`);
    await expect
      .poll(() => pair.admin('destination', 'inapp', `select count(*)::int as n from campaign where name = 'still forward'`), {
        timeout: 5000,
      })
      .toEqual([{ n: 1 }]);
  });

  it('says what cannot work: a wrong password, a table without a key', async () => {
    await pair.admin('destination', 'inapp', 'create table keyless (v int)');
    const { problems } = await rehearseWayBack({ ...request(), password: 'wrong' }, [], async () => undefined, signal);
    expect(problems.join(' ')).toMatch(/password authentication failed/);
    expect(problems.join(' ')).toMatch(/without a primary key .*keyless/);
    expect(problems.join(' ')).not.toContain("'wrong'");
    await pair.admin('destination', 'inapp', 'drop table keyless');
  });

  it('refuses to be armed while the migration still reads from the source', async () => {
    await expect(armWayBack(request(), async () => undefined)).rejects.toMatchObject({ code: 'way-back.loop' });
  });

  it('brings every write on the new server to the old one, rows once and updates in order', async () => {
    await unsubscribe(pair);
    const joined: string[] = [];
    await armWayBack(request(), async (roles) => void joined.push(...roles));
    await armWayBack(request(), async () => undefined);
    await expect.poll(async () => (await lookAtWayBack(request())).every(isArmed), { timeout: 10_000 }).toBe(true);
    expect(joined).toEqual([application]);
    const [owner] = await pair.admin('source', 'inapp', 'select subowner::regrole::text as owner from pg_subscription');
    expect(owner).toEqual({ owner: 'postgres' });
    const client = await pair.as('destination', 'inapp', application);
    await client.query(`select setval('campaign_id_seq', 100000)`);
    await client.query(`insert into campaign (customer_id, name) select i, 'new' from generate_series(1, 500) i`);
    await client.query(
      `update campaign set name = 'newer' where name = 'new'; delete from campaign where customer_id % 2 = 0 and name = 'newer'`,
    );
    await client.query(`insert into audience_data.contact (email) values ('a@b')`);
    const content = (side: 'source' | 'destination') =>
      pair.admin(side, 'inapp', `select count(*)::int as n, sum(hashtext(c::text)::bigint)::text as h from campaign c`);
    const expected = await content('destination');
    await expect.poll(() => content('source'), { timeout: 10_000 }).toEqual(expected);
  });

  it('goes on when pglogical is removed from the new server', async () => {
    await pair.admin('destination', 'inapp', 'drop extension pglogical cascade');
    const client = await pair.as('destination', 'inapp', application);
    await client.query(`insert into campaign (customer_id, name) values (1, 'after pglogical')`);
    await expect
      .poll(() => pair.admin('source', 'inapp', `select count(*)::int as n from campaign where name = 'after pglogical'`), {
        timeout: 10_000,
      })
      .toEqual([{ n: 1 }]);
  });

  it('is taken down without a trace', async () => {
    await disarmWayBack(request());
    await disarmWayBack(request());
    expect((await leftovers()).map(([row]) => row?.['n'])).toEqual([0, 0]);
  });
});
