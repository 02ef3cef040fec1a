import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPostgres, type PostgresConnections, type PostgresOptions } from '../../src/postgres/connect.ts';
import { openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { freeze } from '../support/freeze.ts';

let pair: Pair;
const opened: PostgresConnections[] = [];

beforeAll(async () => {
  pair = await openPair();
}, 180_000);
afterAll(async () => {
  await pair?.close();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connections) => connections.close()));
  // A closed socket is seen by the server a moment later.
  await expect
    .poll(() => pair.admin('source', 'postgres', `select pid from pg_stat_activity where application_name like 'pgupgrade/%'`))
    .toEqual([]);
});

function connect(token = 1, over: Partial<PostgresOptions> = {}): PostgresConnections {
  const connections = createPostgres({
    addresses: async (side) => ({ host: pair[side].host, port: pair[side].port, caCertificate: pair[side].serverCa }),
    password: async () => passwords.postgres,
    applicationName: `pgupgrade/PG-1/step/${token}`,
    guard: async () => undefined,
    patchedRole: 'cloudsqlpatched',
    signal: new AbortController().signal,
    ...over,
  });
  opened.push(connections);
  return connections;
}
const run = { run: 'PG-1', uid: 'abcd1234' };

describe('a session', () => {
  it('is encrypted, named, and bounded in time', async () => {
    const sql = await connect().database('source', 'inapp');
    const [row] = await sql.look(
      `select ssl, application_name, current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement
         from pg_stat_ssl join pg_stat_activity using (pid) where pid = pg_backend_pid()`,
    );
    expect(row).toEqual({ ssl: true, application_name: 'pgupgrade/PG-1/step/1', lock: '5s', statement: '1min' });
  });
  it('refuses a server whose certificate the instance’s CA has not signed', async () => {
    const connections = connect(1, {
      addresses: async () => ({ host: pair.source.host, port: pair.source.port, caCertificate: pair.destination.serverCa }),
    });
    await expect(connections.database('source', 'inapp')).rejects.toMatchObject({ name: 'NeedsHuman', code: 'postgres.tls' });
  });
  it('keeps 64-bit numbers exact', async () => {
    const sql = await connect().database('source', 'inapp');
    expect(await sql.look('select 9007199254740993::bigint as n')).toEqual([{ n: '9007199254740993' }]);
  });
  it('lists the databases without the server’s own', async () => {
    expect(await connect().databases('source')).toEqual(['inapp', 'postgres']);
  });
  it('is opened again after it was lost', async () => {
    const sql = await connect().database('source', 'inapp');
    const [before] = await sql.look<{ pid: number }>('select pg_backend_pid() as pid');
    await pair.admin('source', 'postgres', `select pg_terminate_backend(${before?.pid}, 5000)`);
    await sql.look('select 1').catch((error: unknown) => expect(error).toMatchObject({ name: 'Transient' }));
    const [after] = await sql.look<{ pid: number }>('select pg_backend_pid() as pid');
    expect(after?.pid).not.toBe(before?.pid);
  });
  it('a long statement may have a time of its own, and only that one', async () => {
    const sql = await connect().database('source', 'inapp');
    await expect(sql.look('select pg_sleep(10)', [], { timeoutMs: 50 })).rejects.toMatchObject({ code: 'postgres.statement-timeout' });
    expect(await sql.look('show statement_timeout')).toEqual([{ statement_timeout: '1min' }]);
  });
});

describe('a change', () => {
  it('asks the guard first; nothing is sent where it refuses', async () => {
    const sql = await connect(1, { guard: () => Promise.reject(new Error('lease lost')) }).database('source', 'inapp');
    await expect(sql.change('create role never')).rejects.toThrow('lease lost');
    await expect(sql.patched('create publication never for all tables')).rejects.toThrow('lease lost');
    expect(await sql.look(`select 1 from pg_roles where rolname = 'never'`)).toEqual([]);
  });
  it.each(['grant select on campaign to bigquery', 'revoke select on campaign from bigquery', 'analyze campaign'])(
    'that only warns is an error, not a success: %s',
    async (text) => {
      await pair.admin('source', 'inapp', 'grant select on campaign to postgres');
      const sql = await connect().database('source', 'inapp');
      await expect(sql.change(text)).rejects.toMatchObject({ name: 'NeedsHuman', code: 'postgres.only-warned' });
      await pair.admin('source', 'inapp', 'revoke select on campaign from postgres');
    },
  );
  it('is refused by a look, and by its server', async () => {
    const sql = await connect(1, { readOnly: true }).database('source', 'inapp');
    await expect(sql.change('create role never')).rejects.toMatchObject({ name: 'Fatal', code: 'postgres.look-only' });
    await expect(sql.look('create role never')).rejects.toMatchObject({ code: 'postgres.read-only' });
  });
  it('of a transaction that fails leaves nothing', async () => {
    const sql = await connect().database('source', 'postgres');
    const failing = sql.transaction(async (inside) => {
      await inside.change('create role half');
      await inside.change('create role half');
    });
    await expect(failing).rejects.toMatchObject({ name: 'NeedsHuman' });
    expect(await sql.look(`select 1 from pg_roles where rolname = 'half'`)).toEqual([]);
  });
  it('by another caller waits until the transaction is over', async () => {
    const sql = await connect().database('source', 'postgres');
    const order: string[] = [];
    const transaction = sql.transaction(async (inside) => {
      order.push('begun');
      await inside.look('select pg_sleep(0.2)');
      order.push('ended');
    });
    await Promise.all([transaction, sql.look('select 1').then(() => order.push('other'))]);
    expect(order).toEqual(['begun', 'ended', 'other']);
  });
});

describe('the four patched statements', () => {
  it('run as postgres, who is no superuser, and leave the extension to it', async () => {
    const sql = await connect().database('source', 'inapp');
    await expect(sql.change('create extension pglogical')).rejects.toMatchObject({ code: 'postgres.permission-denied' });
    await sql.patched('create extension if not exists pglogical');
    await sql.change('grant usage on schema pglogical to bigquery');
    await sql.patched('alter user bigquery with replication');
    await sql.patched('create publication everything for all tables');
    await sql.patched('drop publication everything');
    await sql.patched('alter user bigquery with noreplication');
    await sql.change('drop extension pglogical');
    expect(await sql.look('select current_user::text as me')).toEqual([{ me: 'postgres' }]);
  });
});

describe('a login', () => {
  it('with a wrong password, or without the right to connect, is a sentence for people', async () => {
    const connections = connect();
    await expect(connections.login('source', 'inapp', 'bigquery', 'wrong')).rejects.toMatchObject({
      code: 'postgres.password-refused',
      message: expect.not.stringContaining('wrong'),
    });
    await pair.admin('source', 'inapp', 'revoke connect on database inapp from public');
    await expect(connections.login('source', 'inapp', 'bigquery', passwords.bigquery)).rejects.toMatchObject({
      code: 'postgres.permission-denied',
    });
    await pair.admin('source', 'inapp', 'grant connect on database inapp to public');
    const session = await connections.login('source', 'inapp', 'bigquery', passwords.bigquery);
    expect(await session.look('select current_user::text as me')).toEqual([{ me: 'bigquery' }]);
    await session.end();
  });
});

describe('an abort', () => {
  it('cancels the running statement on the server at once', async () => {
    const controller = new AbortController();
    const sql = await connect(9, { signal: controller.signal }).database('source', 'inapp');
    const running = sql.look('select pg_sleep(60) as cancelled_by_abort');
    setTimeout(() => controller.abort(), 100);
    await expect(running).rejects.toMatchObject({ name: 'Transient', code: 'postgres.cancelled' });
    const left = await pair.admin(
      'source',
      'postgres',
      `select pid from pg_stat_activity where query like '%cancelled_by_abort%' and state = 'active' and pid <> pg_backend_pid()`,
    );
    expect(left).toEqual([]);
    await expect(sql.look('select 1')).rejects.toMatchObject({ code: 'postgres.cancelled' });
  });
});

describe('a new owner of the run', () => {
  it('ends what the old one left running on both sides, and nobody else’s', async () => {
    const old = connect(1);
    const other = connect(1, { applicationName: 'pgupgrade/PG-2/step/1' });
    const sessions = await Promise.all((['source', 'destination'] as const).map((side) => old.database(side, 'inapp')));
    const running = sessions.map((sql) => sql.look('select pg_sleep(60)').catch((error: unknown) => error));
    await (await other.database('source', 'inapp')).look('select 1');
    await connect(2).takeOver(run, 2);
    const statements = await Promise.all(running);
    for (const error of statements) expect(error).toMatchObject({ name: 'Transient' });
    await (await other.database('source', 'inapp')).look('select 1');
  });
  it('keeps the old one from changing anything more', async () => {
    const old = connect(3);
    await old.takeOver(run, 3);
    const sql = await old.database('source', 'postgres');
    await sql.change('create role owned_by_three');
    await connect(4).takeOver(run, 4);
    await expect(sql.change('create role late')).rejects.toMatchObject({ name: 'Transient' });
    await expect(sql.change('create role late')).rejects.toMatchObject({ code: 'postgres.not-owner' });
    expect(await pair.admin('source', 'postgres', `select rolname from pg_roles where rolname = 'late'`)).toEqual([]);
    await pair.admin('source', 'postgres', 'drop role owned_by_three');
  });
  it('takes its lock again after the source was restarted', async () => {
    const connections = connect(5);
    await connections.takeOver(run, 5);
    await pair.source.restart();
    const sql = await connections.database('source', 'postgres').catch(() => connections.database('source', 'postgres'));
    await sql.change('create role after_restart');
    await sql.change('drop role after_restart');
    const locks = await pair.admin('source', 'postgres', `select count(*)::int as n from pg_locks where locktype = 'advisory' and granted`);
    expect(locks).toEqual([{ n: 1 }]);
  });
  it('goes on without a server that is not there', async () => {
    const nowhere = { host: '127.0.0.1', port: 1, caCertificate: pair.source.serverCa };
    const connections = connect(6, { addresses: async () => nowhere });
    await connections.takeOver(run, 6);
  });
});

describe('an instance that does not answer', () => {
  it('keeps nobody from giving the writes back on the other one, nor from hanging up', async () => {
    const before = connect(1);
    const sessions = [await before.database('source', 'inapp'), await before.database('destination', 'inapp')];
    expect(sessions).toHaveLength(2);
    const wake = await freeze(pair.destination);
    try {
      await before.close();
      const now = connect(2);
      await now.takeOver(run, 2, 'destination');
      await now.close();
    } finally {
      wake();
    }
    // Less than one attempt to connect takes.
  }, 6_000);
});
