import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import { approveCutover } from '../../src/steps/switch-to-the-new-instance/approve-cutover.ts';
import { createValidator } from '../../src/validator/compare.ts';
import { keepSchema } from '../../src/validator/schema-drift.ts';
import type { Workloads } from '../../src/workloads/types.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { subscribe } from '../support/pglogical.ts';
import { recordingRun } from '../support/step-run.ts';

/** What would break the write stop is found while everybody writes, and named: on real servers that pglogical joins. */
let pair: Pair;
let target: Target;
const byHand: Partial<Workloads> = { driver: () => 'manual', observe: async () => undefined, wanted: async () => undefined };
const clean = { equal: true, tables: 2, rows: 100, bytes: 1_000, durationMs: 900, expected: 3, intended: ['3 owners: so far'] };

const clients = () => {
  const sessions = (side: 'source' | 'destination') => ({
    open: (database: string) => pair.as(side, database, 'postgres', passwords.postgres, 'pgupgrade/validator'),
  });
  const validator = createValidator({ source: sessions('source'), destination: sessions('destination') });
  return { target, postgres: pair.bot('approve-cutover'), workloads: byHand as Workloads, validator };
};
const asOwner = async (text: string) => {
  const owner = await pair.as('source', 'inapp', application);
  await owner.query(text);
  await owner.end();
};
/** The card of a run whose schema is held as it is now, and whose last comparison was so. */
async function asked(verdict: object | undefined = clean, between: () => Promise<void> = async () => undefined) {
  const run = recordingRun('approve-cutover', { uid: 'abcd1234' });
  const note = (step: string, key: string, value: unknown) => run.ledger.set(step, new Map([[key, JSON.parse(JSON.stringify(value))]]));
  note('hold-schema-changes', 'fingerprint', await keepSchema(clients()));
  if (verdict) note('validate-live', 'verdict', verdict);
  await between();
  return approveCutover.check(clients(), run);
}

beforeAll(async () => {
  pair = await openPair();
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  target = { ...targetOf(service, 'staging'), databases: { inapp: { schemas: ['public', 'audience_data'], owner: application } } };
  await pair.admin('source', 'inapp', `alter schema audience_data owner to "${application}"`);
}, 180_000);
afterAll(() => pair?.close());

it('without a clean comparison nobody is asked', async () => {
  expect(await asked({ ...clean, equal: false })).toMatchObject({ state: 'blocked', code: 'cutover.not-validated' });
});

it('without a slot of the migration nobody is asked', async () => {
  expect(await asked()).toMatchObject({ state: 'blocked', code: 'cutover.no-slots' });
});

it('with nothing against it people are asked, with what was seen and what is intended to differ', async () => {
  await subscribe(pair);
  await expect
    .poll(() => asked(), { timeout: 60_000, interval: 500 })
    .toMatchObject({
      state: 'todo',
      plan: expect.arrayContaining([expect.stringContaining('deadline 120 s until the promotion is called')]),
      shown: expect.arrayContaining([
        expect.stringMatching(/^lag now .* in 2 slots$/),
        'intended difference: 3 owners: so far',
        expect.stringContaining('promotion called after about'),
      ]),
    });
});

it('a comparison that takes longer than the deadline is found now, not after', async () => {
  expect(await asked({ ...clean, durationMs: 600_000 })).toMatchObject({
    state: 'blocked',
    code: 'cutover.too-long',
    reason: expect.stringMatching(/validation 600\.0 s.*the deadline is 120 s/),
  });
});

it('a prepared transaction is named', async () => {
  await asOwner(`begin; insert into campaign (name) values ('held'); prepare transaction 'forgotten'`);
  const seen = await asked();
  await asOwner(`rollback prepared 'forgotten'`);
  expect(seen).toMatchObject({
    state: 'blocked',
    code: 'cutover.open-transactions',
    reason: expect.stringContaining(`prepared transaction forgotten of ${application} in database inapp is open`),
  });
});

it('a changed schema is named', async () => {
  expect(await asked(clean, () => asOwner('alter table campaign add column late int'))).toMatchObject({
    state: 'blocked',
    code: 'schema.changed',
    reason: expect.stringContaining('column public.campaign.late'),
  });
});
