import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import type { FenceLedger } from '../../src/postgres/fence-ledger.ts';
import { linesOf, standingOf } from '../../src/takeover.ts';
import { commandsOf, type Situation } from '../../src/takeover-lines.ts';
import type { Mirror, World } from '../../src/takeover-world.ts';

const ledger = (role: string): FenceLedger => ({
  bot: 'postgres',
  databases: [{ name: 'inapp', owner: 'owner', acl: null, grants: [{ grantor: 'owner', grantee: null, grantable: false }] }],
  roles: [role],
  memberships: [],
});
const fenceOf = (role: string, run = 'PG-1-abcd1234'): Mirror => ({ fences: [{ run, ledger: ledger(role) }], replicas: {} });
const nothing: Mirror = { fences: [], replicas: {} };
const names = { source: 'old-pg', destination: 'new-pg' };
const world = (
  seen: Partial<Omit<World, 'source' | 'destination'>> & { source?: Mirror | undefined; destination?: Mirror | undefined },
): World => ({
  run: 'PG-1',
  instanceType: 'CLOUD_SQL_INSTANCE',
  job: undefined,
  sourceLetsIn: false,
  ...seen,
  source: { name: names.source, mirror: 'source' in seen ? seen.source : nothing },
  destination: { name: names.destination, mirror: 'destination' in seen ? seen.destination : nothing },
});
const replicating = { instanceType: 'READ_REPLICA_INSTANCE', destination: undefined, job: { state: 'RUNNING', phase: 'CDC' } };
let target: Target;
let situation: Situation;

beforeAll(async () => {
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  target = targetOf(service, 'staging');
  situation = {
    run: 'PG-1',
    uid: 'abcd1234',
    target,
    source: { host: '10.0.0.5', connectionName: 'p:r:old-pg' },
    destination: { host: '10.0.0.6', connectionName: 'p:r:new-pg' },
    fence: ledger('reader of the old'),
    fenceOnNew: ledger('reader of the new'),
    replicas: { 'inapp-web': 3 },
    replicasOnNew: { 'inapp-web': 4 },
    constraints: [],
  };
});
const shown = (seen: World) => {
  const standing = standingOf(seen, 'inapp', 'staging');
  return { standing, text: linesOf(situation, standing).join('\n') };
};

describe('without Redis', () => {
  test('an upgrade’s write stop before the promotion: give back on the old instance, or fence and go on', () => {
    const { standing, text } = shown(world({ ...replicating, source: fenceOf('a') }));
    expect(standing).toMatchObject({ uid: 'abcd1234', leg: 'upgrade', mayGiveBack: true });
    expect(standing.left[0]).toBe('fence-source');
    const [back = '', on = ''] = text.split('# OR go on:');
    expect(back).toMatch(/10\.0\.0\.5.*alter role "reader of the old" login/);
    expect(back).not.toContain('10.0.0.6');
    expect(on).toContain('promote');
  });

  test('a promotion that was called leaves no way to give back', () => {
    for (const job of [
      { state: 'RUNNING', phase: 'PROMOTE_IN_PROGRESS' },
      { state: 'COMPLETED', phase: 'CDC' },
    ]) {
      const { standing, text } = shown(world({ ...replicating, job, source: fenceOf('a') }));
      expect(standing).toMatchObject({ leg: 'upgrade', mayGiveBack: false });
      expect(standing.left[0]).toBe('promote-destination');
      expect(text).not.toContain('give the writes back');
    }
  });

  test('a promoted instance that nobody was stopped on: the upgrade goes on there', () => {
    const { standing } = shown(world({ source: fenceOf('a') }));
    expect(standing).toMatchObject({ leg: 'upgrade', mayGiveBack: false });
    expect(standing.left[0]).toBe('hand-over-ownership');
  });

  test('a rollback’s write stop before the old instance was opened: give back on the new one, or finish the rollback', () => {
    const { standing, text } = shown(world({ source: fenceOf('a'), destination: fenceOf('b') }));
    expect(standing).toMatchObject({ uid: 'abcd1234', leg: 'rollback', mayGiveBack: true });
    expect(standing.left[0]).toBe('fence-destination');
    const [back = '', on = ''] = text.split('# OR go on:');
    expect(back).toMatch(/10\.0\.0\.6.*alter role "reader of the new" login/);
    expect(back).toContain('deployment inapp-web --replicas=4');
    expect(back).not.toContain('10.0.0.5');
    expect(on).toMatch(/10\.0\.0\.5.*alter role "reader of the old" login/);
    expect(on).not.toMatch(/10\.0\.0\.6.*" login/);
    expect(text).not.toMatch(/hand-over-ownership|arm-way-back|promote/);
  });

  test('a rollback that has only stopped the services begins there', () => {
    const { standing } = shown(world({ source: fenceOf('a'), destination: { fences: [], replicas: { 'inapp-web': 4 } } }));
    expect(standing).toMatchObject({ leg: 'rollback', mayGiveBack: true });
    expect(standing.left[0]).toBe('stop-services-for-rollback');
  });

  test('a rollback that was about to open the old instance goes on with that; nothing is given back on the new one', () => {
    const final = { ...fenceOf('b'), fences: fenceOf('b').fences.map((fence) => ({ ...fence, final: true })) };
    const { standing, text } = shown(world({ source: fenceOf('a'), destination: final }));
    expect(standing).toMatchObject({ leg: 'rollback', mayGiveBack: false });
    expect(standing.left[0]).toBe('open-source');
    expect(text).not.toContain('give the writes back');
    expect(text).toMatch(/10\.0\.0\.5.*alter role "reader of the old" login/);
  });

  test('a rollback that has opened the old instance is finished; nothing is given back on the new one', () => {
    const { standing, text } = shown(world({ destination: fenceOf('b') }));
    expect(standing).toMatchObject({ uid: 'abcd1234', leg: 'rollback', mayGiveBack: false });
    expect(standing.left).toEqual(expect.arrayContaining(['switch-services-back', 'start-services-back', 'remove-way-back']));
    expect(standing.left).not.toContain('open-source');
    expect(text).not.toMatch(/give the writes back|" login/);
  });

  test('no write stop at all: the upgrade from before its own, and nothing to give back', () => {
    const { standing } = shown(world(replicating));
    expect(standing).toMatchObject({ leg: 'upgrade', mayGiveBack: false });
    expect(standing.left[0]).toBe('prepare-switch');
  });

  test.each([
    ['the source does not answer', world({ source: undefined, destination: fenceOf('b') })],
    ['the promoted destination does not answer', world({ source: fenceOf('a'), destination: undefined })],
    ['the source’s fence was half taken down', world({ source: fenceOf('a'), destination: fenceOf('b'), sourceLetsIn: true })],
    ['the fences are of two attempts', world({ source: fenceOf('a'), destination: fenceOf('b', 'PG-1-other') })],
    ['the fence is another run’s', world({ ...replicating, source: fenceOf('a', 'PG-2-abcd1234') })],
    ['applications are stopped and no fence stands', world({ destination: { fences: [], replicas: { 'inapp-web': 4 } } })],
    ['nothing stands and nothing replicates', world({})],
    ['there is no destination', world({ instanceType: undefined, source: fenceOf('a'), destination: undefined })],
  ])('ambiguous, %s: it says so and prints no command', (_, seen) => {
    const { standing, text } = shown(seen);
    expect(standing).toMatchObject({ mayGiveBack: false, left: [] });
    expect(text).toContain('# Ambiguous');
    expect(text).not.toContain('Nothing is left');
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  });
});

describe('real lines', () => {
  test('the fence: the bot’s right before PUBLIC loses its, every recorded role', () => {
    const text = commandsOf('fence-source', situation).join('\n');
    expect(text).toContain('set role "owner"; revoke connect on database "inapp" from public, "owner" cascade; reset role');
    expect(text.indexOf('to "postgres"; reset role')).toBeLessThan(text.indexOf('revoke connect'));
    expect(text).toContain('alter role "reader of the old" nologin');
  });

  test('without a ledger: the service file’s users, after a look at what stands', () => {
    const [first, ...rest] = commandsOf('fence-source', { ...situation, fence: undefined });
    expect(first).toContain('datacl');
    for (const { username } of target.databaseUsers) expect(rest.join('\n')).toContain(`alter role "${username}" nologin`);
  });

  test('the switch replaces the names in the value that stands there, and only whole ones', () => {
    const line = commandsOf('switch-services', situation).find((one) => one.startsWith('value='));
    expect(line).not.toContain('=…');
    const fake = (value: string) =>
      execFileSync('bash', ['-c', `kubectl() { case "$*" in *--list) echo "$VALUE";; *) echo "SET: $6";; esac; }; ${line}`], {
        encoding: 'utf8',
        env: { ...process.env, VALUE: value },
      });
    const setting = /"(\w+)=\$next/.exec(line ?? '')?.[1];
    expect(fake(`${setting}=p:r:old-pg`)).toBe(`SET: ${setting}=p:r:new-pg\n`);
    expect(fake(`${setting}=postgres://u:s$1@10.0.0.5:5432/x`)).toBe(`SET: ${setting}=postgres://u:s$1@10.0.0.6:5432/x\n`);
    expect(fake(`${setting}=10.0.0.50`)).toBe(`SET: ${setting}=10.0.0.50\n`);
    expect(fake(`# ${setting} from secret a`)).toContain('if it comes from a secret');
  });
});
