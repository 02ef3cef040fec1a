import type { RunState } from '../../engine/state.ts';
import { type Message, message, section } from './blocks.ts';
import { people, safe } from './text.ts';

/** Redis was emptied or lost what it held: nobody carries the run on, and only people can open the source again. `state`: as it stood last. */
export function renderLost(state: RunState, face: { readonly source: string; readonly operators: readonly string[] }): Message {
  const { run, service, environment } = state.header ?? { run: 'a run', service: '', environment: '' };
  const off = state.writesOffSince !== undefined;
  const what = `Redis has lost the log of ${run} (${service} ${environment}): nobody carries it on, and no deadline gives anything back.`;
  const now = off
    ? `Writes were OFF when it was read last: \`npx pgupgrade give-back-writes ${environment} --service ${service}\` opens ${face.source} again from the ledger on it, and refuses if the promotion was called.`
    : `Writes were on when it was read last; \`npx pgupgrade give-back-writes ${environment} --service ${service}\` says so for certain.`;
  const rest = `\`npx pgupgrade takeover --environment ${environment}\` prints what else is left to do by hand. Then find out why Redis forgot (\`npx pgupgrade doctor\`).`;
  return message(`❌ ${what} ${now}`, [section(`❌ *${safe(what)}*`), section(now), section(rest, `for ${people(face.operators)}`)]);
}
