import { describe, expect, it } from 'vitest';
import { Transient } from '../../src/errors.ts';
import { sufficientFlags } from '../../src/gcp/flags.ts';
import { instanceFindings } from '../../src/gcp/instance-findings.ts';
import { schemaGrants, scopeGrants, scopeRevokes } from '../../src/postgres/grants.ts';
import { identifier, literal, qualified } from '../../src/postgres/identifiers.ts';
import { joinSql } from '../../src/postgres/membership.ts';
import { measuringOutage } from '../../src/postgres/outage.ts';
import { replicationNeeds } from '../../src/postgres/replication-settings.ts';
import { restorePlan } from '../../src/postgres/restore-constraint.ts';
import { lockKey } from '../../src/postgres/take-over.ts';

it('names and constants cannot end early', () => {
  expect(identifier('me-inapp@x.iam')).toBe('"me-inapp@x.iam"');
  expect(qualified('a"b', 'c')).toBe('"a""b"."c"');
  expect(literal("it's")).toBe("'it''s'");
});

it('a membership carries its options from 16 on', () => {
  expect(joinSql('o', 'postgres', 15)).toBe('grant "o" to "postgres"');
  expect(joinSql('o', 'postgres', 17)).toBe('grant "o" to "postgres" with inherit true, set true');
});

describe('grants of one schema', () => {
  it('read: select only, and for what each owner will create', () => {
    expect(schemaGrants('s', { username: 'u', roleType: 'read' }, ['o', 'u'])).toEqual([
      'grant usage on schema "s" to "u"',
      'grant select on all tables in schema "s" to "u"',
      'grant select on all sequences in schema "s" to "u"',
      'alter default privileges for role "o" in schema "s" grant select on tables to "u"',
      'alter default privileges for role "o" in schema "s" grant select on sequences to "u"',
    ]);
  });
  it('write: rows and sequences too, never the schema', () => {
    const statements = schemaGrants('s', { username: 'u', roleType: 'write' }, []).join('\n');
    expect(statements).toContain('grant select, insert, update, delete on all tables');
    expect(statements).toContain('grant select, usage, update on all sequences');
    expect(statements).not.toContain('create');
  });
  it('every grant has its revoke', () => {
    const scope = { database: 'd', schemas: ['s'], owners: ['o'], grantors: ['o'], listed: { s: ['t'] } };
    expect(scopeGrants(scope, [{ username: 'u', roleType: 'read' }])).toContain('grant select on "s"."t" to "u"');
    expect(scopeRevokes(scope, ['u'])).toContain('revoke connect on database "d" from "u"');
    expect(scopeRevokes(scope, ['u'])).toContain('alter default privileges for role "o" in schema "s" revoke all on tables from "u"');
  });
});

describe('a constraint comes back', () => {
  const entry = { schema: 'public', table: 'campaign', name: 'campaign_priority', owner: 'o', kind: 'u' } as const;
  const plan = (definition: string, kind: 'u' | 'p' | 'x' = 'u', partitioned = false) =>
    restorePlan({ ...entry, kind, definition }, { partitioned });
  it('as an index built concurrently and then attached, with its own words', () => {
    expect(plan('UNIQUE (customer_id, application_code, priority) DEFERRABLE INITIALLY DEFERRED')).toMatchObject({
      columns: ['customer_id', 'application_code', 'priority'],
      index: 'create unique index concurrently "campaign_priority" on "public"."campaign" (customer_id, application_code, priority)',
      attach:
        'alter table "public"."campaign" add constraint "campaign_priority" unique using index "campaign_priority" DEFERRABLE INITIALLY DEFERRED',
      duplicates:
        'select count(*) as keys from (select from "public"."campaign" where (customer_id, application_code, priority) is not null group by customer_id, application_code, priority having count(*) > 1) d',
    });
  });
  it('with included columns, storage and NULLS NOT DISTINCT in the order that an index wants', () => {
    const { index, duplicates } = plan("UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b) WITH (fillfactor='70') DEFERRABLE");
    expect(index).toMatch(/\(a\) INCLUDE \(b\) NULLS NOT DISTINCT WITH \(fillfactor='70'\)$/);
    expect(duplicates).not.toContain('is not null');
  });
  it('whole where no index can be built beside it', () => {
    expect(plan('EXCLUDE USING gist (r WITH &&) DEFERRABLE', 'x').index).toBeUndefined();
    expect(plan('UNIQUE (a) DEFERRABLE', 'u', true).index).toBeUndefined();
    expect(plan('EXCLUDE USING gist (r WITH &&) DEFERRABLE', 'x').attach).toContain(
      'add constraint "campaign_priority" EXCLUDE USING gist (r WITH &&) DEFERRABLE',
    );
  });
});

it('source and destination are sized alike', () => {
  for (const databases of [1, 2, 3, 7])
    for (const usedSlots of [0, 1, 4]) {
      const needs = Object.fromEntries(
        Object.entries(replicationNeeds({ databases, usedSlots })).map(([name, value]) => [name, String(value)]),
      );
      expect(sufficientFlags({ databases, usedSlots }, {})).toEqual(needs);
    }
});

it('the lock of a run is made from its uid, and fits a bigint', () => {
  expect(lockKey('abcd1234')).not.toBe(lockKey('abcd1235'));
  expect(BigInt.asIntN(64, BigInt(lockKey('abcd1234')))).toBe(BigInt(lockKey('abcd1234')));
});

describe('the outage of a restart', () => {
  it('is what the probe saw, not how long the work took', async () => {
    let up = true;
    const down = new Transient('postgres.unreachable', 'no');
    const { outageMs } = await measuringOutage(
      async () => {
        if (!up) throw down;
      },
      async () => {
        up = false;
        setTimeout(() => {
          up = true;
        }, 300);
      },
      { signal: new AbortController().signal, settleMs: 5_000 },
    );
    expect(outageMs).toBeGreaterThan(150);
    expect(outageMs).toBeLessThan(2_000);
  });
  it('does not hide that the work failed', async () => {
    const failing = measuringOutage(
      async () => undefined,
      () => Promise.reject(new Error('patch refused')),
      { signal: new AbortController().signal, settleMs: 10 },
    );
    await expect(failing).rejects.toThrow('patch refused');
  });
});

describe('the instance at Google', () => {
  const target = { source: 'old', from: 15, to: 17, network: 'projects/p/global/networks/default' };
  const good = {
    name: 'old',
    state: 'RUNNABLE',
    databaseVersion: 'POSTGRES_15',
    ipAddresses: [{ type: 'PRIVATE', ipAddress: '10.0.0.2' }],
    settings: { dataDiskSizeGb: '100', ipConfiguration: { sslMode: 'ENCRYPTED_ONLY', privateNetwork: target.network } },
  };
  const codes = (instance: Parameters<typeof instanceFindings>[0], used = 0) =>
    instanceFindings(instance, target, used, Date.UTC(2026, 0, 1)).map(({ severity, code }) => `${severity} ${code}`);
  it('of a fitting one there is nothing to say but that Google could upgrade it in place, if it can', () => {
    expect(codes(good)).toEqual(['note upgrade.in-place']);
    expect(codes({ ...good, upgradableDatabaseVersions: [{ name: 'POSTGRES_17' }] })).toEqual(['note upgrade.in-place']);
    expect(codes({ ...good, upgradableDatabaseVersions: [{ name: 'POSTGRES_16' }] })).toEqual([]);
    const [note] = instanceFindings(good, target, 48 * 1024 ** 3, 0);
    expect(note).toMatchObject({
      message: expect.stringContaining('of 48.0 GB from 15 to 17'),
      remedy: expect.stringContaining('about 21 min of copying'),
    });
  });
  it.each([
    ['missing', undefined, 'blocks instance.missing'],
    ['stopped', { ...good, state: 'SUSPENDED' }, 'blocks instance.not-running'],
    ['of another version', { ...good, databaseVersion: 'POSTGRES_14' }, 'blocks version.unexpected'],
    ['a replica', { ...good, instanceType: 'READ_REPLICA_INSTANCE' }, 'blocks server.in-recovery'],
    ['read by replicas', { ...good, replicaNames: ['old-replica'] }, 'note replica.physical'],
    ['without a private address', { ...good, ipAddresses: [] }, 'blocks instance.no-private-address'],
    [
      'in another network',
      {
        ...good,
        settings: { ...good.settings, ipConfiguration: { sslMode: 'ENCRYPTED_ONLY', privateNetwork: 'projects/p/global/networks/other' } },
      },
      'blocks instance.network',
    ],
    [
      'demanding client certificates',
      { ...good, settings: { ...good.settings, ipConfiguration: { sslMode: 'TRUSTED_CLIENT_CERTIFICATE_REQUIRED' } } },
      'blocks instance.ssl-mode',
    ],
    ['maintained soon', { ...good, scheduledMaintenance: { startTime: '2026-01-02T00:00:00Z' } }, 'note instance.maintenance'],
    [
      'with a maintenance window',
      { ...good, settings: { ...good.settings, maintenanceWindow: { day: 7, hour: 3 } } },
      'note instance.maintenance',
    ],
    [
      'with pgaudit flags',
      { ...good, settings: { ...good.settings, databaseFlags: [{ name: 'cloudsql.enable_pgaudit', value: 'on' }] } },
      'handled flag.pgaudit',
    ],
  ])('one that is %s is told', (_name, instance, expected) => {
    expect(codes(instance)).toContain(expected);
  });
  it('a disk that is nearly full blocks, unless it grows by itself', () => {
    const used = 90 * 1024 ** 3;
    expect(codes(good, used)).toContain('blocks instance.disk');
    expect(codes({ ...good, settings: { ...good.settings, storageAutoResize: true } }, used)).toContain('note instance.disk');
    expect(codes({ ...good, settings: { ...good.settings, storageAutoResize: true, storageAutoResizeLimit: '100' } }, used)).toContain(
      'blocks instance.disk',
    );
  });
});
