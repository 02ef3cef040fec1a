import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectedNow, hindrances } from '../../src/postgres/connected.ts';
import { fence } from '../../src/postgres/fence.ts';
import { type FenceLedger, standingFences } from '../../src/postgres/fence-ledger.ts';
import { forgetReplicas, mirroredReplicas, mirrorReplicas } from '../../src/postgres/replicas-mirror.ts';
import { unfence, unfenced } from '../../src/postgres/unfence.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';

const reader = 'me-device-event@example.iam';
let pair: Pair;
let saved: FenceLedger | undefined;

beforeAll(async () => {
  pair = await openPair({ destination: false });
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

function closeSource(
  readers: readonly string[] = [reader, 'bigquery'],
  logins: Parameters<typeof fence>[0]['logins'] = [{ user: 'bigquery', password: passwords.bigquery }],
) {
  return fence({
    postgres: pair.bot('fence-source'),
    run: 'PG-1',
    databases: ['inapp'],
    keep: ['migration', 'wayback'],
    readers,
    logins,
    ledger: saved,
    save: async (ledger) => {
      saved = ledger;
    },
    signal: new AbortController().signal,
  });
}
const close = (client: Awaited<ReturnType<Pair['as']>>) => client.end().then(() => 'connected');
async function giveBack() {
  const bot = pair.bot('give-back');
  const sql = await bot.database('source', 'postgres');
  if (saved) await unfence(sql, 'PG-1', saved);
  saved = undefined;
  await bot.close();
}
const state = async () => ({
  acl: await pair.admin(
    'source',
    'postgres',
    `select d.datname, a.grantor::regrole::text, a.grantee, a.privilege_type, a.is_grantable from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a order by 1, 2, 3, 4`,
  ),
  roles: await pair.admin('source', 'postgres', 'select rolname, rolcanlogin from pg_roles order by 1'),
  members: await pair.admin(
    'source',
    'postgres',
    'select roleid::regrole::text as role, member::regrole::text as member from pg_auth_members order by 1, 2',
  ),
});

/** Writes as fast as it can, from a new session every 10 ms; counts what was acknowledged. */
function reconnectingWriter() {
  const acknowledged: string[] = [];
  let on = true;
  const running = (async () => {
    while (on) {
      try {
        const client = await pair.as('source', 'inapp', application, 'iam-token', 'writer');
        const { rows } = await client.query(`insert into campaign (customer_id, name) values (0, 'w') returning id::text`);
        acknowledged.push(String(rows[0]?.id));
        await client.end();
      } catch {
        // refused, or ended: exactly what the fence is for
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    acknowledged,
    async stop() {
      on = false;
      await running;
    },
  };
}

describe('the fence', () => {
  it('acknowledges no write after its proof, against a writer that reconnects every 10 ms and a session that is open', async () => {
    const pooled = await pair.as('source', 'inapp', application, 'iam-token', 'pooled');
    const writer = reconnectingWriter();
    await expect.poll(() => writer.acknowledged.length).toBeGreaterThan(5);
    const { proof, disconnected, readers, fencedReaders } = await closeSource();
    const atProof = writer.acknowledged.length;
    expect(atProof).toBeGreaterThan(5);
    await expect(pooled.query(`insert into campaign (customer_id, name) values (0, 'late')`)).rejects.toThrow();
    for (let turn = 0; turn < 20; turn += 1)
      await expect(pair.as('source', 'inapp', application)).rejects.toThrow(/not permitted to log in|permission denied/);
    expect(writer.acknowledged.length).toBe(atProof);
    await writer.stop();
    const [rows] = await pair.admin(
      'source',
      'inapp',
      `select count(*)::int as n, (select pg_current_wal_insert_lsn() >= '${proof.lsn}') as after from campaign where name = 'w'`,
    );
    expect(rows?.['n']).toBe(atProof);
    expect(disconnected.some((one) => one.startsWith(`${application} (pooled, `))).toBe(true);
    expect(readers).toEqual([reader]);
    expect(fencedReaders['bigquery']).toMatch(/CREATEROLE|cloudsqlsuperuser/);
    expect(proof.text).toMatch(/bigquery was refused on inapp/);
    await giveBack();
  });

  it('closes the doors while the passwords are still fetched; without them there is no proof, and the ledger gives back what was closed', async () => {
    const before = await state();
    const away = Promise.reject(new Error('Secret Manager is away'));
    await expect(closeSource(undefined, away)).rejects.toThrow('Secret Manager is away');
    await expect(pair.as('source', 'inapp', application)).rejects.toThrow(/not permitted to log in|permission denied/);
    await giveBack();
    expect(await state()).toEqual(before);
    let arrive: () => void = () => undefined;
    const late = new Promise<readonly { user: string; password: string }[]>((resolve) => {
      arrive = () => resolve([{ user: 'bigquery', password: passwords.bigquery }]);
    });
    const closing = closeSource(undefined, late);
    await expect
      .poll(() => pair.as('source', 'inapp', application).then(close, String))
      .toMatch(/not permitted to log in|permission denied/);
    arrive();
    expect((await closing).proof.text).toMatch(/bigquery was refused on inapp/);
    await giveBack();
    expect(await state()).toEqual(before);
  });

  it('gives everything back exactly as it was', async () => {
    await pair.admin('source', 'postgres', `grant connect on database inapp to bigquery with grant option`);
    const granting = await pair.as('source', 'postgres', 'bigquery', passwords.bigquery);
    await granting.query('grant connect on database inapp to wayback');
    await granting.end();
    const before = await state();
    await closeSource();
    expect(await state()).not.toEqual(before);
    const bot = pair.bot('emergency');
    const sql = await bot.database('source', 'postgres');
    const [standing] = await standingFences(sql);
    expect(standing?.run).toBe('PG-1');
    if (standing) await unfence(sql, standing.run, standing.ledger);
    expect(await state()).toEqual(before);
    expect(await standingFences(sql)).toEqual([]);
    if (standing) await unfence(sql, standing.run, standing.ledger);
    expect(await state()).toEqual(before);
    saved = undefined;
    const client = await pair.as('source', 'inapp', application);
    await client.query(`insert into campaign (customer_id, name) values (1, 'back')`);
  });

  it('gives back a fence that was only half put up', async () => {
    const before = await state();
    await closeSource();
    const half = saved;
    await pair.admin('source', 'postgres', `alter role bigquery login; grant connect on database inapp to public`);
    const bot = pair.bot('give-back');
    const sql = await bot.database('source', 'postgres');
    if (half) {
      expect(await unfenced(sql, half)).not.toEqual([]);
      await unfence(sql, 'PG-1', half);
      expect(await unfenced(sql, half)).toEqual([]);
    }
    saved = undefined;
    const after = await state();
    expect(after.roles).toEqual(before.roles);
    expect(after.members).toEqual(before.members);
    expect(after.acl).toEqual(before.acl);
  });

  it('keeps out an owner who gives himself back the right from sessions in other databases', async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => pair.as('source', 'postgres', application, 'iam-token', 'elsewhere')));
    let on = true;
    const insisting = Promise.all(
      sessions.map(async (session) => {
        while (on)
          await session
            .query(`grant connect on database inapp to public, "${application}"`)
            .catch(() => new Promise((resolve) => setTimeout(resolve, 1)));
      }),
    );
    await closeSource();
    on = false;
    await insisting;
    await expect(pair.as('source', 'inapp', application)).rejects.toThrow();
    await expect(pair.as('source', 'inapp', 'bigquery', passwords.bigquery)).rejects.toThrow();
    await giveBack();
  });

  it('keeps what the stopped applications had beside its ledger, and leaves nothing when both are given back', async () => {
    const bot = pair.bot('stop-workers');
    const sql = await bot.database('source', 'postgres');
    await mirrorReplicas(sql, 'PG-1-abcd1234', { 'inapp-worker': 3 });
    // A later attempt finds them at zero.
    await mirrorReplicas(sql, 'PG-1-abcd1234', { 'inapp-worker': 0, 'inapp-web': 2 });
    await closeSource();
    expect(await mirroredReplicas(sql)).toEqual({ 'inapp-worker': 3, 'inapp-web': 2 });
    await giveBack();
    expect(await mirroredReplicas(sql)).toEqual({ 'inapp-worker': 3, 'inapp-web': 2 });
    await forgetReplicas(sql, ['inapp-web', 'inapp-worker']);
    await forgetReplicas(sql, ['inapp-web']);
    expect(await sql.look(`select 1 from pg_namespace where nspname = 'pgupgrade_ledger'`)).toEqual([]);
  });

  it('is foreseen: who is connected, a transaction that has written, a prepared one', async () => {
    const rules = { keep: ['migration', 'wayback'], readers: [] };
    const writer = await pair.as('source', 'inapp', application, 'iam-token', 'nightly-job');
    await writer.query(`begin; insert into campaign (customer_id, name) values (987654321, 'top secret')`);
    const bot = pair.bot('approve-cutover');
    const sql = await bot.database('source', 'postgres');
    expect(await hindrances(sql, rules)).toMatchObject({ words: [], sessions: [] });
    const [found] = (await hindrances(sql, rules, 0)).words;
    expect(found).toMatch(/^a transaction of me-inapp@example\.iam \(nightly-job, 127[.0-9]+, “begin; insert into campaign/);
    const connected = await connectedNow(sql, rules);
    expect(connected.join()).toContain('nightly-job');
    expect([found, ...connected].join()).not.toMatch(/987654321|top secret/);
    await writer.query(`prepare transaction 'later'`);
    const prepared = await hindrances(sql, rules);
    expect(prepared).toMatchObject({ words: [`prepared transaction later of ${application} in database inapp is open`], sessions: [] });
    await writer.query(`rollback prepared 'later'`);
    const pooled = [
      await pair.as('source', 'inapp', application, 'iam-token', 'pgbouncer'),
      await pair.as('source', 'inapp', 'bigquery', passwords.bigquery, 'pgbouncer'),
    ];
    expect((await connectedNow(sql, rules)).join()).toMatch(/pooler at 127[.0-9]+: \d sessions of .*bigquery/);
    for (const one of [writer, ...pooled]) await one.end();
  });

  it('lets a proven reader read on, and in no other database', async () => {
    await closeSource();
    const client = await pair.as('source', 'inapp', reader);
    expect((await client.query('select count(*)::int as n from campaign')).rows[0].n).toBeGreaterThan(0);
    await expect(pair.as('source', 'postgres', reader)).rejects.toThrow(/permission denied/);
    await giveBack();
  });

  it('fences a reader that a definer’s function would let write', async () => {
    const owner = await pair.as('source', 'inapp', application);
    await owner.query(
      `create function sneak() returns void language sql security definer as $$ insert into campaign (customer_id, name) values (9, 'sneaked') $$`,
    );
    const { readers, fencedReaders } = await closeSource();
    expect(readers).toEqual([]);
    expect(fencedReaders[reader]).toContain('sneak()');
    await expect(pair.as('source', 'inapp', reader)).rejects.toThrow();
    await giveBack();
    await (await pair.as('source', 'inapp', application)).query('drop function sneak()');
  });

  it('names a role that it cannot keep out, and everything is given back', async () => {
    await pair.admin('source', 'postgres', 'create role stranger superuser login');
    const before = await state();
    const refused = await closeSource().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'fence.open', message: expect.stringContaining('stranger') });
    await giveBack();
    expect(await state()).toEqual(before);
    await pair.admin('source', 'postgres', 'drop role stranger');
  });

  it('refuses while a prepared transaction is open', async () => {
    const owner = await pair.as('source', 'inapp', application);
    await owner.query(`begin; insert into campaign (customer_id, name) values (5, 'prepared'); prepare transaction 'later'`);
    await expect(closeSource()).rejects.toThrow(/prepared transaction later of me-inapp@example\.iam in database inapp is open/);
    await giveBack();
    await (await pair.as('source', 'inapp', application)).query(`rollback prepared 'later'`);
  });
});
