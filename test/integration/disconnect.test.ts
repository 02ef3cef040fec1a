import type { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { disconnect, hindrances } from '../../src/postgres/connected.ts';
import { endSessions } from '../../src/postgres/sessions.ts';
import type { Sql } from '../../src/postgres/types.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';

/** Who is disconnected is who was shown: on a real server, with sessions that have written and do nothing since. */
let pair: Pair;
let sql: Sql;
const rules = { keep: ['migration', 'wayback'], readers: [] };
const inTheWay = async () => (await hindrances(sql, rules, 0)).sessions;
const end = (sessions: Awaited<ReturnType<typeof inTheWay>>) => disconnect(sql, rules, sessions, 0);

async function writer(name: string, user = application, password = 'iam-token') {
  const client = await pair.as('source', 'inapp', user, password, name);
  const [{ pid }] = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows as [{ pid: number }];
  await client.query(`begin; select txid_current(); select 'secret of ${name}'`);
  return { client, pid };
}
const alive = async ({ client }: { readonly client: Client }) =>
  (await client.query<{ one: number }>('select 1 as one')).rows[0]?.one === 1;

beforeAll(async () => {
  pair = await openPair({ destination: false });
  sql = await pair.bot('approve-cutover').database('source', 'postgres');
}, 180_000);
afterAll(() => pair?.close());
beforeEach(async () => {
  await end(await inTheWay());
});

it('ends exactly the session that was chosen, and says who it was', async () => {
  const [nightly, other] = [await writer('nightly-job'), await writer('other')];
  const shown = await inTheWay();
  expect(shown.map(({ pid }) => pid).sort()).toEqual([nightly.pid, other.pid].sort());
  const chosen = shown.filter(({ pid }) => pid === nightly.pid);
  expect(await end(chosen)).toEqual({ ended: chosen.map(({ who }) => who), left: [] });
  expect(chosen[0]?.who).toMatch(
    /^me-inapp@example\.iam \(nightly-job, 127[.0-9]+, “begin; select txid_current\(\); select …”\), pid \d+$/,
  );
  await expect(nightly.client.query('select 1')).rejects.toThrow();
  expect(await alive(other)).toBe(true);
});

it('leaves a process id alone that is another session’s by now', async () => {
  const reused = await writer('came-later');
  const [session] = await inTheWay();
  if (!session) throw new Error('nobody is in the way');
  const before = { ...session, startedAt: session.startedAt - 1, who: 'who had this pid before' };
  expect(await end([before])).toEqual({ ended: [], left: ['who had this pid before: it was gone already'] });
  await endSessions(sql, [before], 1_000);
  expect(await alive(reused)).toBe(true);
});

it('leaves one alone that has committed since: it holds up nobody', async () => {
  const quick = await writer('quick');
  const shown = await inTheWay();
  await quick.client.query('commit');
  expect(await end(shown)).toEqual({ ended: [], left: [expect.stringMatching(/pid \d+: it was no longer in the way$/)] });
  expect(await alive(quick)).toBe(true);
});

it('says of one that is gone that it was gone', async () => {
  const leaving = await writer('leaving');
  const shown = await inTheWay();
  await leaving.client.end();
  await expect.poll(inTheWay).toEqual([]);
  expect(await end(shown)).toEqual({ ended: [], left: [expect.stringMatching(/pid \d+: it was gone already$/)] });
});

it('neither shows nor ends the bot’s own sessions, those of the migration and the way back, and the server’s', async () => {
  const kept = [
    await writer('dms', 'migration', passwords.migration),
    await writer('way-back', 'wayback', passwords.wayback),
    await writer('pgupgrade/PG-1/validate/7', 'postgres', passwords.postgres),
  ];
  const foreign = await writer('nightly-job');
  const [shown, ...more] = await inTheWay();
  if (!shown) throw new Error('nobody is in the way');
  expect([shown.pid, more]).toEqual([foreign.pid, []]);
  // On the new instance the migration's user is kept by no rule; it is spared all the same.
  const onlyWayBack = (await hindrances(sql, { keep: ['wayback'], readers: [] }, 0)).sessions;
  expect(onlyWayBack.map(({ pid }) => pid)).toEqual([foreign.pid]);
  // Asked for by its true pid and start, as no message of the bot would.
  const named = await sql.look<{ pid: number; startedAt: number }>(
    `select pid, (extract(epoch from backend_start) * 1000000)::float8 as "startedAt" from pg_stat_activity
      where pid = any ($1) or usename = 'cloudsqladmin'`,
    [kept.map(({ pid }) => pid)],
  );
  const { ended } = await disconnect(
    sql,
    { keep: [], readers: [] },
    named.map((one) => ({ ...one, who: `pid ${one.pid}` })),
    0,
  );
  expect(ended).toEqual([]);
  for (const one of kept) expect(await alive(one)).toBe(true);
});
