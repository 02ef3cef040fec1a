/** What is common to the errors of the two clients, without what they must not show: the request and its body. */
export interface GoogleError {
  /** HTTP status, or `undefined` where no answer came. */
  readonly status: number | undefined;
  /** `ALREADY_EXISTS`, `FAILED_PRECONDITION`, … or '' */
  readonly reason: string;
  readonly message: string;
  /** `ECONNRESET`, … or '' */
  readonly network: string;
  readonly retryAfterMs: number | undefined;
}

/** gRPC's numbers, which Secret Manager's client may use instead of HTTP's. */
const httpOfGrpc: Readonly<Record<number, number>> = {
  3: 400,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  13: 500,
  14: 503,
  16: 401,
  4: 504,
};

/**
 * Reads a `GaxiosError` (googleapis), an error of google-gax' REST fallback (`code` is the HTTP number and `message`
 * the raw JSON answer) or of the network.
 */
export function readGoogleError(error: unknown): GoogleError {
  const own = record(error);
  const response = record(own['response']);
  const text = typeof own['message'] === 'string' ? own['message'] : String(error);
  const body = record(record(response['data'])['error'] ?? record(parse(text))['error']);
  const first = record(list(body['errors'])[0]);
  const details = list(body['details']).map((detail) => record(detail)['reason']);
  const status = [body['code'], response['status'], own['status'], own['code']]
    .map(Number)
    .find((code) => Number.isInteger(code) && code > 0);
  const cause = record(own['cause']);
  return {
    status: status === undefined ? undefined : status < 20 ? httpOfGrpc[status] : status,
    reason: [first['reason'], ...details, body['status']].filter((part) => typeof part === 'string').join(' '),
    message: typeof body['message'] === 'string' ? body['message'] : text.startsWith('{') || text.startsWith('[') ? 'no message' : text,
    network: [own['code'], cause['code']].find((code): code is string => typeof code === 'string' && /^E[A-Z]+|^UND_/.test(code)) ?? '',
    retryAfterMs: retryAfter(response['headers']),
  };
}

function retryAfter(headers: unknown): number | undefined {
  const value = headers instanceof Headers ? headers.get('retry-after') : record(headers)['retry-after'];
  const seconds = Number(value ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
