import { afterEach, expect, test } from 'vitest';
import { observe } from '../../sandbox/observe.ts';
import { notOwnedBy } from '../support/server-looks.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** `postgres` is no superuser on Cloud SQL, and what it may do there differs: by who made the database, and (a guess) by version. */
let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

test('a database that belongs to cloudsqlsuperuser is upgraded all the same, and belongs to whom the service file says', async () => {
  stage = await openStage({ rights: { databaseOwner: 'cloudsqlsuperuser' } });
  const run = await stage.starts('staging');
  await stage.ended(run, 'finished');
  await stage.world.settled('staging');
  expect(await observe(stage.world, 'staging')).toMatchObject({ lost: [], doubled: 0 });
  expect(await notOwnedBy(stage.cluster('me-inapp-staging-pg17'), 'inapp', 'me-inapp@ems-mobile-engage-staging.iam')).toEqual([]);
}, 900_000);

test('without the right to hand the ownership over the run stops before the write stop and says whose right is missing', async () => {
  stage = await openStage({ rights: { adminOnExternalSync: false } });
  const run = await stage.starts('staging');
  const { blocked } = await stage.until(run, (state) => state.blocked !== undefined, 'a stop before people', 600_000);
  expect(blocked?.reason).toContain('cloudsqlexternalsync');
  const types = (await stage.facts(run)).map(({ type }) => type);
  expect(types).not.toContain('deadline.set');
  expect(types).not.toContain('promotion.called');
}, 900_000);
