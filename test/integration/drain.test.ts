import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drain, slotsAt } from '../../src/postgres/drain.ts';
import { lagOf } from '../../src/postgres/lag.ts';
import { lookAtSequences, raiseSequences } from '../../src/postgres/sequences.ts';
import { application, openPair, type Pair } from '../support/cutover-pair.ts';
import { subscribe } from '../support/pglogical.ts';

let pair: Pair;
const signal = new AbortController().signal;
const insertion = `insert into campaign (customer_id, name) select i, 'x' from generate_series(1, 2000) i`;

beforeAll(async () => {
  pair = await openPair();
  await subscribe(pair);
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

async function measure(poke: boolean): Promise<number> {
  await pair.admin('source', 'inapp', insertion);
  const bot = pair.bot('drain');
  const sql = await bot.database('source', 'postgres');
  const [at] = await sql.look<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  const { slots, durationMs } = await drain(bot, { lsn: at?.lsn ?? '0/0', deadlineAt: undefined, signal, poke });
  expect(slots).toHaveLength(2);
  const counts = await Promise.all(
    (['source', 'destination'] as const).map((side) => pair.admin(side, 'inapp', 'select count(*)::int as n from campaign')),
  );
  expect(counts[1]).toEqual(counts[0]);
  await bot.close();
  return durationMs;
}

describe('draining', () => {
  it('ends when every slot has confirmed the LSN, with every row on the destination', async () => {
    const poked: number[] = [];
    const waited: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      waited.push(await measure(false));
      poked.push(await measure(true));
    }
    console.info(`drain ms, poked ${poked.join(' ')}; waiting for the report ${waited.join(' ')}`);
  });

  it('sees a slot that nobody reads from, and gives up at its time', async () => {
    await pair.admin('destination', 'inapp', `select pglogical.alter_subscription_disable('sub0', true)`);
    await pair.admin('source', 'inapp', insertion);
    const bot = pair.bot('drain');
    await expect.poll(async () => (await lagOf(bot)).inactive.length).toBe(1);
    const sql = await bot.database('source', 'postgres');
    const [at] = await sql.look<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
    await expect(drain(bot, { lsn: at?.lsn ?? '', deadlineAt: Date.now() - 14_700, signal })).rejects.toMatchObject({ code: 'drain.slow' });
    await pair.admin('destination', 'inapp', `select pglogical.alter_subscription_enable('sub0', true)`);
    await drain(bot, { lsn: at?.lsn ?? '', deadlineAt: undefined, signal });
    expect((await slotsAt(sql, at?.lsn ?? '')).every(({ missing }) => missing === 0)).toBe(true);
  });
});

describe('sequences', () => {
  it('hand out nothing on the destination that the source has handed out', async () => {
    const bot = pair.bot('sequences');
    const joined: string[] = [];
    const look = await raiseSequences(bot, ['inapp'], async (side, roles) => void joined.push(...roles.map((role) => `${side} ${role}`)));
    expect(look.raises.map(({ sequence }) => sequence)).toContain('"public"."campaign_id_seq"');
    expect((await lookAtSequences(bot, ['inapp'])).raises).toEqual([]);
    const [ours] = await pair.admin('source', 'inapp', `select last_value::int as v from campaign_id_seq`);
    const [theirs] = await pair.admin('destination', 'inapp', `select nextval('campaign_id_seq')::int as v`);
    expect(Number(theirs?.['v'])).toBe(Number(ours?.['v']) + 1 + 1000);
    expect(joined.length).toBeGreaterThan(0);
  });

  it('that are at their maximum are named, and are at it on the destination too', async () => {
    for (const side of ['source', 'destination'] as const) {
      const owner = await pair.as(side, 'inapp', application);
      await owner.query('create sequence at_its_end as smallint; create sequence nearly as smallint');
    }
    await pair.admin('source', 'inapp', `select setval('at_its_end', 32767); select setval('nearly', 32766)`);
    const bot = pair.bot('sequences at their end');
    const look = await raiseSequences(bot, ['inapp'], async () => undefined);
    expect(look.notes).toEqual([expect.stringContaining('"public"."at_its_end" of database inapp has no value left on the source either')]);
    expect((await lookAtSequences(bot, ['inapp'])).raises).toEqual([]);
    await expect(pair.admin('destination', 'inapp', `select nextval('at_its_end')`)).rejects.toThrow(/reached maximum value/);
    // The headroom gives way to the last value that is left.
    expect(await pair.admin('destination', 'inapp', `select nextval('nearly')::int as v`)).toEqual([{ v: 32767 }]);
  });
});
