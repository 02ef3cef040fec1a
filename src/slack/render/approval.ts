import type { types } from '@slack/bolt';
import type { OpenGate } from '../../engine/state.ts';
import { codeSection, section } from './blocks.ts';
import type { ModalMeta } from './modals.ts';
import { mentions, plain, safe, time } from './text.ts';

/** What `approve`, typed, opens: the question with its plan, so that nobody approves unseen what was asked a moment ago. */
export function renderApproval(run: string, gate: OpenGate, channel: string): types.ModalView {
  const meta: ModalMeta = { action: 'gate:approve', value: `${run}:${gate.gate}:${gate.nonce}`, channel };
  return {
    type: 'modal',
    callback_id: meta.action,
    private_metadata: JSON.stringify(meta),
    title: { type: 'plain_text', text: plain(`Approve for ${run}?`, 24) },
    submit: { type: 'plain_text', text: 'Approve' },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [
      section(`*${safe(gate.question)}*`, ...(gate.because ? [`_Asked again: ${mentions(gate.because)}_`] : [])),
      ...(gate.shown.length > 0 ? [section(...gate.shown.map((line) => `• ${safe(line)}`))] : []),
      ...(gate.plan.length > 0 ? [section('*What will be done*'), codeSection(gate.plan)] : []),
      section(`Open until ${time(gate.expiresAt)}.`),
    ],
  };
}
