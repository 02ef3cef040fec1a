import type { types } from '@slack/bolt';
import type { HinderingSession } from '../../engine/step.ts';
import { section } from './blocks.ts';
import type { ModalMeta } from './modals.ts';
import { plain, plural, safe } from './text.ts';

/** The id of the form that `run:disconnect` opens; its value names the failure and the sessions that it shows. */
export const disconnectThese = 'disconnect:these';

export interface DisconnectRequest {
  readonly run: string;
  readonly step: string;
  readonly title: string;
  /** When the failure that showed them was told. */
  readonly failedAt: number;
  readonly sessions: readonly HinderingSession[];
  readonly channel: string;
}

/** Who would be ended, each session in a part of its own, so that none is cut: nobody confirms what was not shown. */
export function renderDisconnect({ run, step, title, failedAt, sessions, channel }: DisconnectRequest): types.ModalView {
  const pids = sessions.map(({ pid }) => pid);
  const meta: ModalMeta = { action: disconnectThese, value: [run, step, failedAt, ...pids].join(':'), channel };
  return {
    type: 'modal',
    callback_id: meta.action,
    private_metadata: JSON.stringify(meta),
    title: { type: 'plain_text', text: plain(`Disconnect for ${run}?`, 24) },
    submit: { type: 'plain_text', text: 'Disconnect' },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [
      section(`*${plural(sessions.length, 'session')}* in the way of *${safe(title)}*:`),
      ...sessions.map(({ who }) => section(`• ${safe(who)}`)),
      section(
        'What their open transactions have done is lost, and they may connect again. Then the step looks again; the thread says who was disconnected, and by whom.',
        ...(sessions.length > 1 ? [`To end only some of them: \`/pgupgrade disconnect ${run} ${pids[0]} …\``] : []),
      ),
    ],
  };
}
