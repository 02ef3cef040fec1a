import { Fatal, NeedsHuman, Refused, Transient } from '../errors.ts';
import { readGoogleError } from './google-error.ts';

/** One request to Google, as people read it in a message. */
export interface Call {
  /** `sqladmin.instances.patch` */
  readonly method: string;
  /** `instance me-inapp-staging-pg15 of project ems-mobile-engage-staging` */
  readonly resource: string;
  /** The role that allows it. */
  readonly role: string;
  /** Values that must not come back in a message: Google quotes what it refuses. */
  readonly secrets?: readonly string[];
}

/** Runs `work`; its error comes out classified. */
export async function calling<T>(call: Call, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw classify(error, call);
  }
}

/** As `calling`, and 404 is an answer: `undefined`. */
export async function reading<T>(call: Call, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await calling(call, work);
  } catch (error) {
    if (error instanceof NeedsHuman && error.code === 'gcp.not-found') return undefined;
    throw error;
  }
}

/**
 * A Google or network error → the error with its fate. The original is not kept as `cause`: it carries the request
 * and with it passwords and keys.
 */
export function classify(error: unknown, call: Call): Error {
  if (error instanceof Transient || error instanceof NeedsHuman || error instanceof Fatal || error instanceof Refused) return error;
  const google = readGoogleError(error);
  const said = masked(google.message, call.secrets ?? []);
  const at = `${call.method} on ${call.resource}`;
  const cause = new Error(said);
  const transient = (code: string, message: string, retryAfterMs?: number) =>
    new Transient(code, message, { cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  const human = (code: string, message: string, remedy: string) => new NeedsHuman(code, message, { remedy, cause });

  if (google.status === undefined) {
    if (google.network || /socket hang up|network|timed? ?out|aborted|premature close|fetch failed/i.test(said))
      return transient(
        'gcp.connection-lost',
        `The connection broke during ${at} (${google.network || said}); whether it was done is read again.`,
      );
    if (/default credentials|invalid_grant|metadata/i.test(said))
      return human(
        'gcp.no-credentials',
        `There are no Google credentials for ${at}: ${said}`,
        'Give the bot a service account (Workload Identity), or run gcloud auth application-default login.',
      );
    return human('gcp.unknown', `${at} failed: ${said}`, 'Look at the cause, then press Retry.');
  }
  const { status } = google;
  if (status === 429 || (status === 403 && /rateLimit|quota|RATE_LIMIT|RESOURCE_EXHAUSTED/i.test(google.reason)))
    return transient('gcp.quota', `Google's quota holds ${at} back: ${said}`, google.retryAfterMs ?? 20_000);
  if (status >= 500) return transient('gcp.unavailable', `Google answered ${status} to ${at}: ${said}`, google.retryAfterMs);
  switch (status) {
    case 400:
      return human(
        /FAILED_PRECONDITION/.test(google.reason) ? 'gcp.failed-precondition' : 'gcp.bad-request',
        `Google refused ${at}: ${said}`,
        'Put right what the message names, then press Retry.',
      );
    case 401:
      return human(
        'gcp.unauthenticated',
        `Google does not accept the bot's credentials for ${at}: ${said}`,
        "Check the bot's service account and its key or Workload Identity binding.",
      );
    case 403:
      if (/accessNotConfigured|SERVICE_DISABLED/i.test(google.reason))
        return human('gcp.api-disabled', `The API of ${at} is not enabled: ${said}`, 'Enable the API in the project, then press Retry.');
      return human(
        'gcp.permission-denied',
        `The bot may not call ${at}: ${said}`,
        `Grant ${call.role} to the bot's service account in the project.`,
      );
    case 404:
      return human(
        'gcp.not-found',
        `${call.resource} does not exist (${call.method}): ${said}`,
        `Check the name and the project; without ${call.role} Google may answer the same.`,
      );
    case 409:
      if (/already.?exists/i.test(`${google.reason} ${said}`))
        return transient('gcp.already-exists', `${call.resource} exists already (${call.method}): ${said}`, 5_000);
      return transient(
        'gcp.operation-in-progress',
        `Another operation is in progress, ${at} has to wait: ${said}`,
        google.retryAfterMs ?? 5_000,
      );
    case 412:
      return transient(
        'gcp.changed-meanwhile',
        `${call.resource} was changed by somebody else meanwhile (${call.method}); it is read again: ${said}`,
        2_000,
      );
    default:
      return human('gcp.unknown', `Google answered ${status} to ${at}: ${said}`, 'Look at the cause, then press Retry.');
  }
}

/** `text` without the values and without PEM blocks. */
function masked(text: string, secrets: readonly string[]): string {
  const withoutPem = text.replace(/-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|$)/g, '[PEM]');
  return secrets.filter((secret) => secret.length > 3).reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), withoutPem);
}
