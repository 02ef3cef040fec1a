import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Expected } from '../../src/postgres/preflight/finding.ts';
import { preflightFindings, preflightStandalone } from '../../src/postgres/preflight.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { cases, expected } from '../support/preflight-cases.ts';

let pair: Pair;

beforeAll(async () => {
  pair = await openPair({ destination: false });
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

async function findings(want: Expected = expected) {
  const bot = pair.bot('preflight');
  try {
    return await preflightFindings({ databases: () => bot.databases('source'), database: (name) => bot.database('source', name) }, want);
  } finally {
    await bot.close();
  }
}
async function codes(want: Expected = expected) {
  return (await findings(want)).map(({ severity, code, object }) => `${severity} ${code} ${object}`);
}

describe('a database that fits', () => {
  it('has nothing that blocks', async () => {
    const blocking = (await findings()).filter((finding) => finding.severity === 'blocks');
    expect(blocking).toEqual([]);
  });
  it('still says what a step will handle: the owner’s membership, the sequences, the settings', async () => {
    const all = await findings();
    expect(all).toContainEqual(expect.objectContaining({ code: 'rights.owner', object: application, handledBy: 'grant-migration-user' }));
    expect(all).toContainEqual(expect.objectContaining({ code: 'sequence.not-replicated', handledBy: 'synchronize-sequences' }));
    expect(all).toContainEqual(
      expect.objectContaining({ code: 'replication.setting', object: 'max_replication_slots', handledBy: 'enable-replication-flags' }),
    );
  });
  it('gives every finding a sentence and a remedy', async () => {
    for (const { message, remedy } of await findings()) {
      expect(message).toMatch(/\.$/);
      expect(remedy).toMatch(/\.$/);
    }
  });
});

describe('what would fail later is found', () => {
  it.each(cases)('$name', async ({ make, unmake, found, database = 'inapp', want }) => {
    if (make !== 'select 1') expect(await codes()).not.toContain(found);
    await run(database, make);
    try {
      expect(await codes(want)).toContain(found);
    } finally {
      await run(database, unmake);
    }
  });

  it('a prepared transaction', async () => {
    const session = await pair.as('source', 'inapp', application);
    await session.query(`begin; create table two_phases (a int primary key); prepare transaction 'left'`);
    expect(await codes()).toContain('blocks transaction.prepared left');
    await session.query(`rollback prepared 'left'`);
    await session.end();
    expect(await codes()).not.toContain('blocks transaction.prepared left');
  });
});

/** One statement after another: CREATE DATABASE and slots refuse to share a transaction. */
async function run(database: string, text: string): Promise<void> {
  for (const statement of text.split(/;\s+(?=(?:create|alter|drop|select|grant|update) )/)) await pair.admin('source', database, statement);
}

describe('with nothing but a DSN', () => {
  const dsn = (user = 'postgres', password: string = passwords.postgres) =>
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${pair.source.host}:${pair.source.port}/inapp?sslmode=require`;

  it('the same is found, and nothing is changed', async () => {
    await pair.admin('source', 'inapp', 'create table bare (a int)');
    const before = await pair.admin('source', 'inapp', 'select pg_current_xact_id()::text::bigint as xid');
    const all = await preflightStandalone({ dsn: dsn(), to: 17 });
    const after = await pair.admin('source', 'inapp', 'select pg_current_xact_id()::text::bigint as xid');
    await pair.admin('source', 'inapp', 'drop table bare');
    expect(all).toContainEqual(
      expect.objectContaining({ severity: 'blocks', code: 'table.no-primary-key', object: 'public.bare', database: 'inapp' }),
    );
    // The heartbeat of the instance writes every second; a look of a second would show as dozens.
    expect(Number(after[0]?.['xid']) - Number(before[0]?.['xid'])).toBeLessThan(30);
  });
  it('a wrong password is a sentence', async () => {
    await expect(preflightStandalone({ dsn: dsn('postgres', 'wrong'), to: 17 })).rejects.toMatchObject({
      code: 'postgres.password-refused',
    });
  });
  it('what is no URL is refused', async () => {
    await expect(preflightStandalone({ dsn: 'host=x dbname=y', to: 17 })).rejects.toMatchObject({ code: 'postgres.dsn' });
  });
});

/** Last, because they stay: DROP DATABASE would wait for every process of the server. */
describe('a database that does not fit', () => {
  it.each([
    {
      name: 'a database that the service file does not name',
      make: 'create database reports',
      found: 'blocks database.unnamed reports',
    },
    {
      name: 'a database in SQL_ASCII',
      make: `create database ascii template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'`,
      found: 'blocks database.encoding-unsafe ascii',
    },
    {
      name: 'a database in another encoding',
      make: `create database latin template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'`,
      found: 'note database.encoding latin',
    },
  ])('$name', async ({ make, found }) => {
    expect(await codes()).not.toContain(found);
    await run('postgres', make);
    expect(await codes()).toContain(found);
  });
});
