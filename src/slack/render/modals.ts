import type { types } from '@slack/bolt';
import { plain } from './text.ts';

/** What a modal carries: ids, and where its answer is shown. Never more. */
export interface ModalMeta {
  readonly action: string;
  readonly value: string;
  readonly channel: string;
}
interface Field {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly multiline: boolean;
}

const reason: Field = { id: 'reason', label: 'Why', hint: 'Shown in the channel and kept in the report', multiline: true };

/** The modals that buttons open: they ask for the words a verb needs. The key is the button's id. */
function modalOf(
  action: string,
  value: string,
): { readonly title: string; readonly submit: string; readonly say: string; readonly fields: readonly Field[] } | undefined {
  const [run = ''] = value.split(':');
  switch (action) {
    case 'gate:reject':
      return {
        title: 'Reject',
        submit: 'Reject',
        say: `The question of ${run} is closed as rejected and the run is paused.`,
        fields: [reason],
      };
    case 'run:skip':
      return {
        title: 'Skip this step',
        submit: 'Skip',
        say: `${run} goes on without \`${value.slice(run.length + 1)}\`.`,
        fields: [reason],
      };
    case 'run:abort':
      return {
        title: `Abort ${run}`,
        submit: 'Abort the run',
        say: 'The current step ends, then every step that can be is taken back, latest first.',
        fields: [{ id: 'typed', label: `Type ${run} to confirm`, hint: 'The name of the run', multiline: false }, reason],
      };
    case 'task:answer':
      return {
        title: 'Done',
        submit: 'Done',
        say: 'The bot looks for itself afterwards.',
        fields: [{ id: 'answer', label: 'Answer', hint: 'What the task asks for, for instance a link', multiline: false }],
      };
    default:
      return undefined;
  }
}

/** `undefined`: this button needs no words. `expects` is a task's question; without one its button acts at once. */
export function renderModal(meta: ModalMeta, expects?: string): types.ModalView | undefined {
  const modal = modalOf(meta.action, meta.value);
  if (!modal) return undefined;
  return {
    type: 'modal',
    callback_id: meta.action,
    private_metadata: JSON.stringify(meta),
    title: { type: 'plain_text', text: plain(modal.title, 24) },
    submit: { type: 'plain_text', text: plain(modal.submit, 24) },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: modal.say } },
      ...modal.fields.map(
        (field): types.KnownBlock => ({
          type: 'input',
          block_id: field.id,
          label: { type: 'plain_text', text: plain(field.id === 'answer' && expects ? expects : field.label, 150) },
          hint: { type: 'plain_text', text: plain(field.hint, 150) },
          element: { type: 'plain_text_input', action_id: 'value', multiline: field.multiline, max_length: field.multiline ? 2_000 : 500 },
        }),
      ),
    ],
  };
}
