import { setTimeout as delay } from 'node:timers/promises';
import { NeedsHuman, Refused, Transient } from '../errors.ts';

/** `note`: works, but worth knowing. `wrong`: a run would fail. `unseen`: could not be looked at now. */
export type Verdict = 'ok' | 'note' | 'wrong' | 'unseen';

export interface Finding {
  readonly area: string;
  readonly what: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** The line that fixes it. */
  readonly fix?: string;
}

export type Check = (what: string, look: () => Promise<readonly Said[] | Said>) => Promise<readonly Finding[]>;
export interface Said {
  readonly verdict: Verdict;
  readonly message: string;
  readonly fix?: string;
}

export function ok(message: string): Said {
  return { verdict: 'ok', message };
}
export function wrong(message: string, fix: string): Said {
  return { verdict: 'wrong', message, fix };
}

const looks = 3;
const pauseMs = 500;

/** The checks of one area: what a look throws is a finding like any other, and none of them ends the others. */
export function checksOf(area: string): Check {
  return async (what, look) => {
    const said = await again(look).catch((error: unknown) => broken(error));
    return [said].flat().map((one) => ({ area, what, ...one }));
  };
}

/** What only broke off is looked at again: nothing is wrong with what answers the second time. */
async function again<T>(look: () => Promise<T>): Promise<T> {
  for (let left = looks - 1; ; left -= 1)
    try {
      return await look();
    } catch (error) {
      if (left === 0 || !(error instanceof Transient)) throw error;
      await delay(pauseMs);
    }
}

function broken(error: unknown): Said {
  if (error instanceof NeedsHuman)
    return { verdict: 'wrong', message: `${error.message} (${error.code})`, fix: error.remedy.replace(/,? then press Retry\.$/, '.') };
  if (error instanceof Refused) return { verdict: 'wrong', message: `${error.message} (${error.code})` };
  const code = error instanceof Transient ? ` (${error.code})` : '';
  return {
    verdict: 'unseen',
    message: `${error instanceof Error ? error.message : String(error)}${code}`,
    fix: 'Ask again; see whether this machine reaches it.',
  };
}

/** 0 nothing is wrong, 1 something is, 2 something could not be looked at. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ verdict }) => verdict === 'wrong')) return 1;
  return findings.some(({ verdict }) => verdict === 'unseen') ? 2 : 0;
}

const signs: Readonly<Record<Verdict, string>> = { ok: 'ok    ', note: 'note  ', wrong: 'WRONG ', unseen: '?     ' };

/** One line a finding, the fix below it, and the count. */
export function printed(findings: readonly Finding[]): string {
  const areas = [...new Set(findings.map(({ area }) => area))];
  const lines = areas.flatMap((area) => [
    area,
    ...findings
      .filter((one) => one.area === area)
      .flatMap(({ what, verdict, message, fix }) => [
        `  ${signs[verdict]} ${what}: ${message.replaceAll('\n', '\n         ')}`,
        ...(fix === undefined ? [] : [`           fix: ${fix}`]),
      ]),
  ]);
  const count = (verdict: Verdict) => findings.filter((one) => one.verdict === verdict).length;
  const unseen = count('unseen') > 0 ? `, ${count('unseen')} could not be looked at` : '';
  return [...lines, `${count('ok')} ok, ${count('note')} to know, ${count('wrong')} wrong${unseen}. Nothing was changed.`].join('\n');
}
