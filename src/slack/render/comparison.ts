import type { LookAnswer, LookComparison } from '../../engine/ports.ts';
import { type Message, message, section } from './blocks.ts';
import { exhibitBlocks, exhibitText } from './exhibits.ts';
import { code, safe } from './text.ts';

/** What a comparison on demand says: the verdict first, then what differs. `where`: of the file with all of it. */
export function renderComparison(title: string, comparison: LookComparison, where: string | undefined): Message {
  const verdict = `${comparison.equal ? '✅' : '❌'} *${safe(title)}* — ${safe(comparison.text)}`;
  return message(exhibitText(`${title}: ${comparison.text}`, comparison.exhibits), [
    section(verdict),
    ...exhibitBlocks(comparison.exhibits),
    section(`_${where === undefined ? '' : `${safe(where)} `}Values that the service file does not show are masked. Nothing was changed._`),
  ]);
}

export function renderNotCompared(title: string, error: NonNullable<LookAnswer['error']>): Message {
  return message(`${safe(title)} could not be compared: ${safe(error.message)}`, [
    section(`❔ *${safe(title)}* could not be compared: ${safe(error.message)} ${code(error.code)}`, '_Nothing was changed._'),
  ]);
}
