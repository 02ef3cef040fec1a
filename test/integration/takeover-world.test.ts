import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import { fence } from '../../src/postgres/fence.ts';
import { type FenceLedger, markFinal } from '../../src/postgres/fence-ledger.ts';
import { mirrorReplicas } from '../../src/postgres/replicas-mirror.ts';
import type { Side } from '../../src/postgres/types.ts';
import { unfence } from '../../src/postgres/unfence.ts';
import { linesOf, standingOf } from '../../src/takeover.ts';
import { fenceSql } from '../../src/takeover-lines-fence.ts';
import { lookAtWorld } from '../../src/takeover-world.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';

/** What both instances show of a rollback's write stop when Redis is gone, on real servers with real fences. */
const keep = ['migration', 'wayback'];
let pair: Pair;
let target: Target;
/** Of the new instance, open. */
let before: unknown;
const ledgers = new Map<Side, FenceLedger>();

const look = async (instanceType = 'CLOUD_SQL_INSTANCE') => {
  const seen = await lookAtWorld(
    {
      target,
      postgres: pair.bot('takeover'),
      cloudSql: { instance: async () => ({ instanceType }) },
      dataMigration: { job: async () => ({ state: 'COMPLETED', phase: 'CDC' }) },
    },
    'PG-1',
  );
  return { seen, standing: standingOf(seen, 'inapp', 'staging') };
};
const sql = (side: Side) => pair.bot('test').database(side, 'postgres');
async function close(side: Side): Promise<void> {
  await fence({
    postgres: pair.bot('fence'),
    side,
    run: 'PG-1-abcd1234',
    databases: ['inapp'],
    keep,
    readers: [],
    logins: [],
    ledger: undefined,
    save: async (ledger) => void ledgers.set(side, ledger),
    signal: new AbortController().signal,
  });
}
function ledgerOf(side: Side): FenceLedger {
  const ledger = ledgers.get(side);
  if (!ledger) throw new Error(`no fence was put up on the ${side}`);
  return ledger;
}
/** Who may connect where and log in, and whose roles the bot's user is. */
const rights = async (side: Side) => [
  await pair.admin(
    side,
    'postgres',
    `select d.datname, a.grantor::regrole::text, a.grantee, a.privilege_type, a.is_grantable from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a order by 1, 2, 3, 4`,
  ),
  await pair.admin(side, 'postgres', 'select rolname, rolcanlogin from pg_roles order by 1'),
  await pair.admin(
    side,
    'postgres',
    'select roleid::regrole::text as role, member::regrole::text as member from pg_auth_members order by 1, 2',
  ),
];
/** Types the lines in a shell, one after the other; gives what kubectl was told. */
async function typed(lines: readonly string[]): Promise<readonly string[]> {
  const script = ['set -e', 'kubectl() { echo "kubectl $*"; }', ...lines].join('\n');
  const bin = dirname(pair.servers.fleet.program(17, 'psql'));
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    env: { PATH: `${bin}:${process.env['PATH']}`, PGPORT: String(pair.destination.port), PGPASSWORD: passwords.postgres },
  });
  return stdout.split('\n').filter((line) => line.startsWith('kubectl'));
}
const mayCome = (side: Side) =>
  pair.as(side, 'inapp', application).then(
    (client) => client.end().then(() => true),
    () => false,
  );

beforeAll(async () => {
  pair = await openPair();
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  target = targetOf(service, 'staging');
  before = await rights('destination');
  await close('source');
  await close('destination');
  await mirrorReplicas(await sql('destination'), 'PG-1-abcd1234', { 'inapp-web': 4 });
}, 180_000);
afterAll(() => pair?.close());

test('with both closed it is a rollback, and the new instance is given back', async () => {
  const { seen, standing } = await look();
  expect(seen.destination.mirror?.fences.map(({ run }) => run)).toEqual(['PG-1-abcd1234']);
  expect(seen.destination.mirror?.replicas).toEqual({ 'inapp-web': 4 });
  expect(seen.sourceLetsIn).toBe(false);
  expect(standing).toMatchObject({ uid: 'abcd1234', leg: 'rollback', mayGiveBack: true });
  expect(standing.ambiguous).toBeUndefined();
});

test('a replica is not read: no rollback can have closed it', async () => {
  const { seen, standing } = await look('READ_REPLICA_INSTANCE');
  expect(seen.destination.mirror).toBeUndefined();
  expect(standing).toMatchObject({ leg: 'upgrade', mayGiveBack: false });
});

test('where somebody let a role in by hand nothing is concluded', async () => {
  await pair.admin('source', 'postgres', `alter role "${application}" login`);
  const { seen, standing } = await look();
  await pair.admin('source', 'postgres', `alter role "${application}" nologin`);
  expect(seen.sourceLetsIn).toBe(true);
  expect(standing).toMatchObject({ left: [], mayGiveBack: false, ambiguous: expect.stringContaining('may log in there') });
});

test('the printed way back, typed in a shell, opens the new instance exactly as it was, and twice does no harm', async () => {
  const { standing } = await look();
  const at = ({ host }: Pair['source'], name: string) => ({ host, connectionName: `p:r:${name}` });
  const lines = linesOf(
    {
      run: 'PG-1',
      uid: standing.uid,
      target,
      source: at(pair.source, 'old'),
      destination: at(pair.destination, 'new'),
      fence: ledgerOf('source'),
      fenceOnNew: ledgerOf('destination'),
      replicas: {},
      replicasOnNew: { 'inapp-web': 4 },
      constraints: [],
    },
    standing,
  );
  const back = lines.slice(0, lines.indexOf('# OR go on:')).filter((line) => line.startsWith('psql') || line.startsWith('kubectl'));
  expect(back.length).toBeGreaterThan(5);
  expect(await mayCome('destination')).toBe(false);
  for (let time = 0; time < 2; time += 1) {
    expect(await typed(back)).toEqual(['kubectl -n inapp-staging scale deployment inapp-web --replicas=4']);
    expect(await rights('destination')).toEqual(before);
    expect(await mayCome('destination')).toBe(true);
  }
  expect((await look()).seen.destination.mirror?.fences).toEqual([]);
  await close('destination');
});

test('the fence’s lines, typed by hand, keep the application out', async () => {
  const ledger = ledgerOf('source');
  await unfence(await sql('source'), 'PG-1-abcd1234', ledger);
  expect(await mayCome('source')).toBe(true);
  const bot = await pair.as('source', 'postgres', 'postgres', passwords.postgres);
  for (const line of fenceSql(target, ledger, keep)) await bot.query(line);
  await bot.end();
  expect(await mayCome('source')).toBe(false);
});

test('with the old one open it is a rollback whose services belong there, and nothing is given back', async () => {
  await unfence(await sql('source'), 'PG-1-abcd1234', ledgerOf('source'));
  const { standing } = await look();
  expect(standing).toMatchObject({ leg: 'rollback', mayGiveBack: false });
  expect(standing.left[0]).toBe('switch-services-back');
});

test('once it was said that the old one is opened, nothing is given back on the new one, whatever the old one shows', async () => {
  await close('source');
  expect((await look()).standing.mayGiveBack).toBe(true);
  // As a version of the bot without the mark has made it.
  await pair.admin('destination', 'postgres', 'alter table pgupgrade_ledger.fence drop column final_at');
  expect((await look()).standing.mayGiveBack).toBe(true);
  await markFinal(await sql('destination'), 'PG-1-abcd1234');
  const { standing } = await look();
  expect(standing).toMatchObject({ leg: 'rollback', mayGiveBack: false });
  expect(standing.left[0]).toBe('open-source');
});
