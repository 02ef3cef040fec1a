import { giveBack } from '../../src/engine/give-back.ts';
import { retry } from '../../src/engine/moves.ts';
import { next } from '../../src/engine/next.ts';
import { undoStep } from '../../src/engine/undo.ts';
import { fixtures } from './fixtures.ts';
import { approve, phases } from './law.ts';
import { type Stage, shape } from './stage.ts';

/** Until the run asks for nothing more; answers the steps that were undone, latest first. */
export async function undoEverything(stage: Stage): Promise<readonly string[]> {
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
