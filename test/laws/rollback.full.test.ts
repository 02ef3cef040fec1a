import { afterAll, beforeAll, describe, expect } from 'vitest';
import { next } from '../../src/engine/next.ts';
import { fixtures } from './fixtures.ts';
import { carryOut, phases } from './law.ts';
import { flow, onDestination, onSource } from './outsider.ts';
import { picture } from './picture.ts';
import { legs, openStage, type Stage, shape } from './stage.ts';
import { inOrder } from './walk.ts';
import { undoEverything } from './way-back-home.ts';

/** A run is carried out to its end; then every step of the rollback obeys its law, and the old instance is what it was. */
let stage: Stage;
let before: Awaited<ReturnType<typeof picture>>;
const { test, walk } = inOrder();

beforeAll(async () => {
  stage = await openStage('back0001');
  before = await picture(stage.world);
});
afterAll(async () => stage?.close());

describe('the laws of the rollback', () => {
  test('begins with a run that has finished and a service that writes on the new instance', async () => {
    for (const id of legs.upgrade) await phases({ id })('apply', () => carryOut(stage, id, fixtures[id] ?? {}));
    await stage.append({ type: 'run.finished' });
    await flow('inapp-', onDestination)(stage);
    await stage.append({ type: 'leg.begun', leg: 'rollback', by: 'U0OPERATOR', reason: 'the law asks', steps: legs.rollback });
    expect(await stage.state()).toMatchObject({ status: 'running', current: legs.rollback[0], promotionCalled: false });
  });

  walk('rollback', () => stage);

  test('then takes back what the upgrade did to the old instance, latest first, and deletes the new one when that is approved', async () => {
    const undone = await undoEverything(stage);
    expect(undone.filter((id) => legs.rollback.includes(id))).toEqual([]);
    expect(undone).toContain('create-destination');
    expect(undone.indexOf('drop-deferrable-constraints')).toBeGreaterThan(undone.indexOf('hold-schema-changes'));
    expect(next(await stage.state(), shape)).toEqual({ do: 'end', as: 'run.rolled-back' });
  });

  test('leaves the old instance as it was, but for what the service itself made', async () => {
    const after = await picture(stage.world);
    for (const part of Object.keys(before) as (keyof typeof before)[])
      if (!/schema/.test(part)) expect.soft(after[part], part).toEqual(before[part]);
    expect(after).toMatchObject({ slots: [], migration: [], servers: [onSource(stage.world).name] });
  });

  test('has lost no write that was acknowledged, on either instance', async () => {
    const seen = await stage.world.watch.count(onSource(stage.world), () => true);
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});
