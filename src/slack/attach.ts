import type { OutboxStore } from './outbox-store.ts';
import type { Poster } from './poster.ts';

interface Attach {
  readonly run: string;
  readonly channel: string;
  readonly file: { readonly name: string; readonly content: string };
}

/** Puts a file into a run's thread, beside its board; gives the sentence that says where it is. Slack failing is said, not thrown. */
export async function attachToThread(
  store: Pick<OutboxStore, 'entries'>,
  poster: Pick<Poster, 'upload'>,
  request: Attach,
): Promise<string> {
  const { run, channel, file } = request;
  // The board is the message of the run's first fact.
  const [board] = await store.entries(run, ['0-board']);
  if (board?.is !== 'sent' || board.sent.ts === '') return `The whole list could not be attached: ${run} has no thread yet.`;
  const outcome = await poster.upload({ channel, thread: board.sent.ts, ...file, comment: `${run}: the whole list, as ${file.name}.` });
  return outcome.is === 'sent'
    ? `The whole list is the file ${file.name} in the thread of ${run}.`
    : `The whole list could not be attached (${outcome.code}); ask again.`;
}
