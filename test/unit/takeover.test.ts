import { beforeAll, describe, expect, test } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import { targetOf } from '../../src/config/target.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { FenceLedger } from '../../src/postgres/fence-ledger.ts';
import { runbook } from '../../src/runbook.ts';
import { linesOf } from '../../src/takeover.ts';
import type { Situation } from '../../src/takeover-lines.ts';

const owner = 'me-inapp@ems-mobile-engage-staging.iam';
const fence: FenceLedger = {
  bot: 'postgres',
  databases: [
    {
      name: 'inapp',
      owner,
      acl: null,
      grants: [
        { grantor: owner, grantee: null, grantable: false },
        { grantor: owner, grantee: "o'brien", grantable: true },
      ],
    },
  ],
  roles: ['bigquery', owner],
  memberships: [owner],
};
let situation: Situation;
const ids = shapeOf(runbook).flatMap(({ id, leg }) => (leg === 'upgrade' ? [id] : []));
const from = (step: string) => ids.slice(ids.indexOf(step));

beforeAll(async () => {
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  situation = {
    run: 'PG-1',
    uid: 'abcd1234',
    target: targetOf(service, 'staging'),
    source: { host: '10.0.0.5', connectionName: 'p:europe-west3:me-inapp-staging-pg15' },
    destination: { host: '10.0.0.6', connectionName: 'p:europe-west3:me-inapp-staging-pg17' },
    fence,
    replicas: { 'inapp-web': 3, 'inapp-worker': 2 },
    constraints: [
      {
        database: 'inapp',
        schema: 'public',
        table: 'campaign',
        name: 'campaign_priority',
        owner,
        kind: 'u',
        definition: 'UNIQUE (priority) DEFERRABLE',
      },
    ],
  };
});

describe('what is left to do when the bot is dead', () => {
  test('inside the write stop both ways out are printed with the real names, the way back first', () => {
    const lines = linesOf(situation, { left: from('drain-replication'), mayGiveBack: true, words: 'Writes are OFF.' });
    const text = lines.join('\n');
    expect(text.indexOf('npx pgupgrade give-back-writes staging')).toBeLessThan(text.indexOf('# OR go on:'));
    expect(text).toContain(`psql "postgresql://postgres@10.0.0.5/postgres?sslmode=require" -c 'alter role "bigquery" login'`);
    expect(text).toContain(`set role "${owner}"; grant connect on database "inapp" to public; reset role`);
    // A quote in a name is kept from the shell.
    expect(text).toContain(`to "o'\\''brien" with grant option`);
    expect(text).toContain('kubectl -n inapp-staging scale deployment inapp-web --replicas=3');
    expect(text).toContain(
      'gcloud database-migration migration-jobs promote pgupgrade-inapp-staging-abcd1234 --region=europe-west3 --project=ems-mobile-engage-staging',
    );
    expect(text).toContain('create publication pgupgrade_wayback_abcd1234 for all tables with (publish_via_partition_root = true)');
  });

  test('every step that is left has its heading, in the runbook’s order, and everything from the switch on its commands', () => {
    const lines = linesOf(situation, { left: from('prepare-switch'), mayGiveBack: false, words: 'Writes are on.' });
    const headings = lines.flatMap((line) => /^# \d+\. .* \((.*)\)$/.exec(line)?.[1] ?? []);
    expect(headings).toEqual(from('prepare-switch'));
    const silent = lines.flatMap((line, at) => (/^# \d+\. /.test(line) && !lines[at + 1] ? (/\((.*)\)$/.exec(line)?.[1] ?? []) : []));
    expect(silent).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/drain|promote|switch-services|start-services|hand-over|arm-way-back|remove-/)]),
    );
    expect(lines.join('\n')).not.toContain('give-back-writes');
  });

  test('constraints come back with their stored definition', () => {
    const lines = linesOf(situation, { left: ['restore-constraints'], mayGiveBack: false, words: '' });
    expect(lines.at(-1)).toBe(
      `psql "postgresql://postgres@10.0.0.6/inapp?sslmode=require" -c 'alter table "public"."campaign" add constraint "campaign_priority" UNIQUE (priority) DEFERRABLE'`,
    );
  });

  test('inside a rollback’s write stop it is the new instance that is opened again, and going on opens the old one', () => {
    const left = shapeOf(runbook).flatMap(({ id, leg }) => (leg === 'rollback' ? [id] : []));
    const onNew = { ...situation, fenceOnNew: { ...fence, roles: ['only on the new one'] } };
    const text = linesOf(onNew, {
      left: left.slice(left.indexOf('drain-way-back')),
      leg: 'rollback',
      mayGiveBack: true,
      words: 'Writes are OFF.',
    }).join('\n');
    const [back = '', on = ''] = text.split('# OR go on:');
    expect(back).toContain('10.0.0.6');
    expect(back).toContain('only on the new one');
    expect(back).not.toContain('10.0.0.5');
    expect(on).toMatch(/10\.0\.0\.5.*drop subscription pgupgrade_wayback_abcd1234/);
    expect(on).toMatch(/10\.0\.0\.5.*alter role "bigquery" login/);
    expect(on.indexOf('drop subscription')).toBeLessThan(on.indexOf('alter role'));
  });
});
