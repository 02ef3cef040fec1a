import { describe, expect, it } from 'vitest';
import { estimate } from '../../src/postgres/cutover-estimate.ts';
import { mergeLedger, sameGrants } from '../../src/postgres/fence-ledger.ts';
import { classOf, type SessionSeen } from '../../src/postgres/sessions.ts';
import { conninfo, wayBackName } from '../../src/postgres/way-back.ts';
import { csvOf } from '../../src/validator/masked-csv.ts';
import type { Verdict } from '../../src/validator/types.ts';
import { recordOf } from '../../src/validator/verdict-report.ts';
import { replacementsOf } from '../../src/workloads/connections.ts';
import { startOrder, stopped } from '../../src/workloads/order.ts';
import { replaced, reversed, shownSetting, withValues } from '../../src/workloads/settings.ts';

const old = { connectionName: 'p:r:me-pg15', addresses: { PRIVATE: '10.0.0.1' } };
const fresh = { connectionName: 'p:r:me-pg17', addresses: { PRIVATE: '10.0.0.2', PRIMARY: '35.1.1.1' } };
const replacements = replacementsOf(old, fresh);

describe('switching a setting', () => {
  it('replaces a connection name and an address, and nothing that only contains them', () => {
    expect(replaced('p:r:me-pg15', replacements)).toBe('p:r:me-pg17');
    expect(replaced('postgres://u:pw@10.0.0.1:5432/inapp', replacements)).toBe('postgres://u:pw@10.0.0.2:5432/inapp');
    expect(replaced('host=10.0.0.11', replacements)).toBeUndefined();
    expect(replaced('host=110.0.0.1', replacements)).toBeUndefined();
    expect(replaced('p:r:me-pg15-replica', replacements)).toBeUndefined();
    expect(replaced('/cloudsql/p:r:me-pg15/.s.PGSQL.5432', replacements)).toBe('/cloudsql/p:r:me-pg17/.s.PGSQL.5432');
  });
  it('comes back as it was', () => {
    const value = 'host=10.0.0.1 user=a';
    expect(replaced(replaced(value, replacements) ?? '', reversed(replacements))).toBe(value);
  });
  it('shows no password', () => {
    expect(shownSetting('postgres://u:geheim@h/db')).toBe('postgres://u:***@h/db');
    expect(shownSetting(`host=h password='ge heim' user=a`)).toBe('host=h password=*** user=a');
  });
  it('keeps the old OIDs beside the new ones, each once', () => {
    expect(withValues('16556', ['16556', '16714'])).toBe('16556,16714');
    expect(withValues(undefined, ['1', '2'])).toBe('1,2');
    expect(withValues('16556, 16714', ['16714'])).toBe('16556,16714');
  });
});

describe('the order of stopping and starting', () => {
  const workload = { driver: 'manual', namespace: 'default', connection: 'C', reads: false } as const;
  const target = {
    workloads: {
      worker: { ...workload, stop: 1, start: 2 },
      web: { ...workload, stop: 2, start: 1 },
      reader: { ...workload, reads: true },
    },
  };
  it('stops the workers before the web and starts them after it; who is not stopped is not started', () => {
    expect(stopped(target, 'first')).toEqual(['worker']);
    expect(stopped(target, 'rest')).toEqual(['web']);
    expect(startOrder(target)).toEqual([['web'], ['worker']]);
  });
});

describe('whose session it is', () => {
  const session: SessionSeen = {
    pid: 1,
    startedAt: 1,
    role: 'app',
    database: 'd',
    application: 'x',
    address: 'a',
    kind: 'client backend',
    superuser: false,
    own: false,
    statement: '',
    writingForMs: null,
  };
  const rules = { keep: ['migration'], readers: ['reader'] };
  it('is foreign unless it is proven otherwise, also a person’s as the bot’s user', () => {
    expect(classOf(session, rules)).toBe('foreign');
    expect(classOf({ ...session, role: 'postgres', application: 'psql' }, rules)).toBe('foreign');
    expect(classOf({ ...session, role: 'postgres', own: true }, rules)).toBe('own');
    expect(classOf({ ...session, role: 'migration' }, rules)).toBe('migration');
    expect(classOf({ ...session, role: 'cloudsqlagent' }, rules)).toBe('system');
    expect(classOf({ ...session, role: 'reader' }, rules)).toBe('reader');
  });
});

describe('the ledger of the fence', () => {
  const grant = (grantee: string | null) => ({ grantor: 'o', grantee, grantable: false });
  const entry = (grantee: string | null) => ({ name: 'd', owner: 'o', acl: null, grants: [grant(grantee)] });
  it('keeps what was first, so that a second round does not record the fence itself', () => {
    const first = { bot: 'postgres', databases: [entry(null)], roles: ['a'], memberships: ['o'] };
    const second = { bot: 'postgres', databases: [entry('bot'), { ...entry(null), name: 'e' }], roles: ['b'], memberships: [] };
    const merged = mergeLedger(first, second);
    expect(merged.databases[0]).toEqual(entry(null));
    expect(merged.databases.map(({ name }) => name)).toEqual(['d', 'e']);
    expect(merged.roles).toEqual(['a', 'b']);
    expect(merged.memberships).toEqual(['o']);
  });
  it('compares grants whatever their order', () => {
    expect(sameGrants([grant('a'), grant(null)], [grant(null), grant('a')])).toBe(true);
    expect(sameGrants([grant('a')], [{ ...grant('a'), grantable: true }])).toBe(false);
  });
});

describe('the way back', () => {
  it('has one name per database, because slots belong to the whole server', () => {
    expect(wayBackName('u', ['b', 'a'], 'a')).toBe('pgupgrade_wayback_u');
    expect(wayBackName('u', ['b', 'a'], 'b')).toBe('pgupgrade_wayback_u_2');
  });
  it('quotes a password as libpq reads it', () => {
    const text = conninfo({ host: 'h', port: 5432, caCertificate: '' }, 'd', { user: 'wayback', password: `a'b\\c d` });
    expect(text).toContain(`password='a\\'b\\\\c d'`);
    expect(text).toContain('sslmode=require');
  });
});

describe('the prediction', () => {
  it('grows with the comparison and the lag, and ends after the promotion', () => {
    const input = { stops: 2, databases: 1, lagBytes: 0, validationMs: 30_000 };
    const base = estimate(input);
    expect(base.untilCallMs).toBeGreaterThan(30_000);
    expect(base.untilWritesMs).toBeGreaterThan(base.untilCallMs);
    expect(estimate({ ...input, validationMs: 60_000 }).untilCallMs - base.untilCallMs).toBe(30_000);
    expect(estimate({ ...input, lagBytes: 100_000_000 }).untilCallMs).toBeGreaterThan(base.untilCallMs);
  });
});

describe('a verdict in the run’s log', () => {
  const verdict: Verdict = {
    equal: false,
    tables: [
      {
        database: 'inapp',
        table: 'public.campaign',
        sourceRows: 2,
        destinationRows: 2,
        equal: false,
        missing: 0,
        extra: 0,
        changed: 1,
        unsettled: 0,
        rows: [
          {
            key: { id: '7' },
            kind: 'changed',
            columns: [
              { column: 'priority', source: '=1', destination: '2' },
              { column: 'email', source: 'a@b', destination: 'c@d' },
            ],
          },
        ],
      },
    ],
    objects: [],
    expected: [],
    notCompared: [],
    rows: 2,
    bytes: 10,
    durationMs: 5,
  };
  it('masks every value that the service file does not show, and no spreadsheet runs what it shows', () => {
    const csv = csvOf(verdict, { 'public.campaign': ['priority'] });
    const { differences } = recordOf(verdict, 4);
    expect(csv).toContain(`priority,'=1,2`);
    expect(csv).toContain('email,***,***');
    expect(JSON.stringify({ csv, differences })).not.toMatch(/a@b|id=7/);
  });
});
