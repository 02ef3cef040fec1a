import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { abort } from '../../src/engine/moves.ts';
import { fixtures } from './fixtures.ts';
import { carryOut, phases } from './law.ts';
import { flow, onSource } from './outsider.ts';
import { picture } from './picture.ts';
import { openStage, type Stage, shape, steps } from './stage.ts';
import { undoEverything } from './way-back-home.ts';

/**
 * A run is carried out up to the last step before the point of no return and then aborted: the engine gives the writes
 * back and undoes everything, latest first. Nothing of it may be left.
 */
let stage: Stage;
let before: Awaited<ReturnType<typeof picture>>;
const last = steps.findIndex(({ writeStop }) => writeStop === 'promotion');

beforeAll(async () => {
  stage = await openStage('home0001');
  // While it is on, the application itself makes no partitions, which would be changes of the schema too.
  stage.world.flags.set('ASYNC_AUDIENCE_CREATION_ENABLED', 'on');
  before = await picture(stage.world);
});
afterAll(async () => stage?.close());

describe('a run that is aborted before its point of no return', () => {
  it('comes so far', async () => {
    for (const step of steps.slice(0, last)) await phases(step)('apply', () => carryOut(stage, step.id, fixtures[step.id] ?? {}));
    expect(await stage.state()).toMatchObject({ status: 'running', current: steps[last]?.id });
  });

  it('gives the writes back and undoes every step that it began, latest first', async () => {
    const begun = (await stage.state()).steps.filter(({ attempts }) => attempts > 0).map(({ id }) => id);
    const decision = abort(await stage.state(), shape, 'U0OPERATOR', 'the law asks');
    if (decision.kind !== 'facts') throw new Error(decision.kind);
    await stage.append(...decision.facts);
    const undone = await undoEverything(stage);
    expect([...new Set(undone)]).toEqual(begun.filter((id) => undone.includes(id)).reverse());
    expect(undone).toContain('create-destination');
    for (const app of ['inapp-web', 'inapp-worker', 'adhoc']) await flow(app, onSource)(stage);
  });

  it('leaves nothing behind', async () => {
    const after = await picture(stage.world);
    for (const part of Object.keys(before) as (keyof typeof before)[]) expect.soft(after[part], part).toEqual(before[part]);
    expect(after).toMatchObject({ slots: [], migration: [], servers: [onSource(stage.world).name] });
  });

  it('has lost no write that was acknowledged', async () => {
    const seen = await stage.world.watch.count(onSource(stage.world), () => true);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});
