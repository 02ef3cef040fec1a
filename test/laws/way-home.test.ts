import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveBack } from '../../src/engine/give-back.ts';
import { abort, retry } from '../../src/engine/moves.ts';
import { next } from '../../src/engine/next.ts';
import { undoStep } from '../../src/engine/undo.ts';
import { fixtures } from './fixtures.ts';
import { approve, carryOut, phases } from './law.ts';
import { flow, onSource } from './outsider.ts';
import { picture } from './picture.ts';
import { openStage, type Stage, shape, steps } from './stage.ts';

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

/** Until the run asks for nothing more; answers the steps that were undone, latest first. */
async function undoEverything(): Promise<readonly string[]> {
  const undone: string[] = [];
  for (;;) {
    const state = await stage.state();
    const move = next(state, shape);
    if (move.do === 'give-back') await stage.execute('give-back', giveBack);
    else if (move.do === 'undo') {
      await phases({ id: move.step })('undo', () => stage.execute(move.step, (execution) => undoStep(execution, move.step)));
      undone.push(move.step);
    } else if (state.gate) await approve(stage, state.gate);
    else if (state.blocked?.code === 'workloads.by-hand') {
      fixtures[state.blocked.step]?.personUndoes?.(stage);
      const again = retry(state, 'U0OPERATOR');
      if (again.kind === 'facts') await stage.append(...again.facts);
    } else if (move.do === 'end') return undone;
    else
      throw new Error(`the undo stops: ${JSON.stringify(move)} ${state.blocked?.code}: ${state.blocked?.reason} ${state.blocked?.remedy}`);
  }
}

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
    const undone = await undoEverything();
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
