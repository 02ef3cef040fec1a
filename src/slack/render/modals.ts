import type { types } from '@slack/bolt';
import { plain } from './text.ts';

/** What a modal carries: ids, and where its answer is shown. Never more. */
export interface ModalMeta {
  readonly action: string;
  readonly value: string;
  readonly channel: string;
}
type Kind = { readonly is: 'line' | 'lines' | 'person' | 'moment' } | { readonly is: 'choice'; readonly options: readonly string[] };
interface Field {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly kind: Kind;
  readonly optional?: true;
}
interface Form {
  readonly title: string;
  readonly submit: string;
  readonly say: string;
  readonly fields: readonly Field[];
}

const reason: Field = { id: 'reason', label: 'Why', hint: 'Shown in the channel and kept in the report', kind: { is: 'lines' } };
const typed = (run: string): Field => ({ id: 'typed', label: `Type ${run} to confirm`, hint: 'The name of the run', kind: { is: 'line' } });

/** The modals that buttons open: they ask for the words a verb needs. The key is the button's id. */
function formOf(action: string, value: string): Form | undefined {
  const [run = ''] = value.split(':');
  switch (action) {
    case 'gate:reject':
      return {
        title: 'Reject',
        submit: 'Reject',
        say: `The question of ${run} is closed as rejected and the run waits.`,
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
        fields: [typed(run), reason],
      };
    case 'run:handoff':
      return {
        title: `Hand ${run} over`,
        submit: 'Hand over',
        say: 'Somebody else is the operator from now on. Neither of you counts as an approver, unless the service file says so.',
        fields: [{ id: 'to', label: 'To whom', hint: 'An operator of the service', kind: { is: 'person' } }],
      };
    case 'run:note':
      return {
        title: `Note for ${run}`,
        submit: 'Write it down',
        say: 'It is a line in the thread and in the report.',
        fields: [{ id: 'text', label: 'Note', hint: 'Everybody in the channel reads it', kind: { is: 'lines' } }],
      };
    case 'run:rollback':
      return {
        title: `Roll ${run} back`,
        submit: 'Go back',
        say: 'The way back is looked at first, then people are asked before anything is stopped.',
        fields: [typed(run), reason],
      };
    case 'task:answer':
      return {
        title: 'Done',
        submit: 'Done',
        say: 'The bot looks for itself afterwards.',
        fields: [{ id: 'answer', label: 'Answer', hint: 'What the task asks for, for instance a link', kind: { is: 'line' } }],
      };
    default:
      return undefined;
  }
}

/** `undefined`: this button needs no words. `expects` is a task's question; without one its button acts at once. */
export function renderModal(meta: ModalMeta, expects?: string): types.ModalView | undefined {
  const form = formOf(meta.action, meta.value);
  if (!form) return undefined;
  const asked = form.fields.map((field) => (field.id === 'answer' && expects ? { ...field, label: expects } : field));
  return draw(meta, { ...form, fields: asked });
}

const startFields = (places: readonly string[]): readonly Field[] => [
  { id: 'environment', label: 'Environment', hint: 'Each run is one environment of one service', kind: { is: 'choice', options: places } },
  { id: 'to', label: 'To version', hint: 'A major version; empty: the service file’s', kind: { is: 'line' }, optional: true },
  { id: 'at', label: 'When', hint: 'Empty: now. A planned start is called off with abort', kind: { is: 'moment' }, optional: true },
  {
    id: 'override',
    label: 'Why before the environment that comes first has finished',
    hint: 'For admins only; kept in the report. Empty in all other cases',
    kind: { is: 'line' },
    optional: true,
  },
];

/** What `start` alone opens. `places`: `service/environment`. */
export function renderStart(places: readonly string[], channel: string): types.ModalView {
  return draw(
    { action: 'run:start', value: '', channel },
    {
      title: 'Start an upgrade',
      submit: 'Start',
      say: 'The preflight looks first and changes nothing. Before each step that is felt you are asked.',
      fields: startFields(places.slice(0, 100)),
    },
  );
}

/** The id of the form that `run:restart-copy` opens. */
export const restartCopyAsked = 'restart-copy:asked';

/** `lost`: what becomes of what was copied, in sentences. */
export function renderRestartCopy({
  run,
  lost,
  channel,
}: {
  readonly run: string;
  readonly lost: readonly string[];
  readonly channel: string;
}): types.ModalView {
  return draw(
    { action: restartCopyAsked, value: run, channel },
    { title: `Copy ${run} anew`, submit: 'Restart the copy', say: lost.join('\n'), fields: [typed(run), reason] },
  );
}

/** May the field stay empty? */
export function isOptional(action: string, field: string): boolean {
  const fields = action === 'run:start' ? startFields([]) : (formOf(action, '')?.fields ?? []);
  return fields.some(({ id, optional }) => id === field && optional === true);
}

function draw(meta: ModalMeta, form: Form): types.ModalView {
  return {
    type: 'modal',
    callback_id: meta.action,
    private_metadata: JSON.stringify(meta),
    title: { type: 'plain_text', text: plain(form.title, 24) },
    submit: { type: 'plain_text', text: plain(form.submit, 24) },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: form.say } },
      ...form.fields.map(
        (field): types.KnownBlock => ({
          type: 'input',
          block_id: field.id,
          optional: field.optional === true,
          label: { type: 'plain_text', text: plain(field.label, 150) },
          hint: { type: 'plain_text', text: plain(field.hint, 150) },
          element: elementOf(field.kind),
        }),
      ),
    ],
  };
}

function elementOf(kind: Kind): types.InputBlock['element'] {
  switch (kind.is) {
    case 'line':
    case 'lines': {
      const multiline = kind.is === 'lines';
      return { type: 'plain_text_input', action_id: 'value', multiline, max_length: multiline ? 2_000 : 500 };
    }
    case 'person':
      return { type: 'users_select', action_id: 'value' };
    case 'moment':
      return { type: 'datetimepicker', action_id: 'value' };
    case 'choice':
      return {
        type: 'static_select',
        action_id: 'value',
        options: kind.options.map((option) => ({ text: { type: 'plain_text', text: plain(option, 75) }, value: option.slice(0, 75) })),
      };
    default:
      return kind satisfies never;
  }
}

/** What a reply would show, as a window of its own: it does not scroll away and nobody else sees it. */
export function renderWindow(title: string, blocks: readonly types.KnownBlock[]): types.ModalView {
  return {
    type: 'modal',
    callback_id: 'window',
    title: { type: 'plain_text', text: plain(title, 24) },
    close: { type: 'plain_text', text: 'Close' },
    blocks: [...blocks],
  };
}
