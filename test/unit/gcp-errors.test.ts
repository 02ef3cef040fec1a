import { expect, test } from 'vitest';
import { NeedsHuman, Transient } from '../../src/errors.ts';
import { calling, classify, reading } from '../../src/gcp/errors.ts';
import { until } from '../../src/gcp/operations.ts';

const call = { method: 'sqladmin.instances.patch', resource: 'instance a of project p', role: 'roles/cloudsql.admin' };

/** As googleapis throws it. */
function gaxios(
  status: number,
  message: string,
  extra: { readonly reason?: string; readonly status?: string; readonly headers?: Headers } = {},
) {
  const body = { error: { code: status, message, status: extra.status, errors: extra.reason ? [{ reason: extra.reason }] : undefined } };
  return Object.assign(new Error(message), {
    code: status,
    status,
    response: { status, data: body, headers: extra.headers },
    config: { data: { password: 'hunter2hunter2' } },
  });
}
const code = (error: unknown) => (classify(error, call) as NeedsHuman).code;

test.each([
  [gaxios(400, 'Invalid value'), 'gcp.bad-request', NeedsHuman],
  [gaxios(400, 'wrong state', { status: 'FAILED_PRECONDITION' }), 'gcp.failed-precondition', NeedsHuman],
  [gaxios(401, 'no'), 'gcp.unauthenticated', NeedsHuman],
  [gaxios(403, 'no', { reason: 'notAuthorized' }), 'gcp.permission-denied', NeedsHuman],
  [gaxios(403, 'slow down', { reason: 'rateLimitExceeded' }), 'gcp.quota', Transient],
  [gaxios(403, 'off', { reason: 'accessNotConfigured' }), 'gcp.api-disabled', NeedsHuman],
  [gaxios(404, 'gone'), 'gcp.not-found', NeedsHuman],
  [gaxios(409, 'another operation', { reason: 'operationInProgress' }), 'gcp.operation-in-progress', Transient],
  [gaxios(409, 'exists', { status: 'ALREADY_EXISTS' }), 'gcp.already-exists', Transient],
  [gaxios(412, 'changed'), 'gcp.changed-meanwhile', Transient],
  [gaxios(429, 'slow down'), 'gcp.quota', Transient],
  [gaxios(503, 'down'), 'gcp.unavailable', Transient],
  [Object.assign(new Error('reset'), { code: 'ECONNRESET' }), 'gcp.connection-lost', Transient],
  [Object.assign(new Error('socket hang up'), { cause: { code: 'ECONNRESET' } }), 'gcp.connection-lost', Transient],
  [new Error('Could not load the default credentials.'), 'gcp.no-credentials', NeedsHuman],
  [new Error('what is this'), 'gcp.unknown', NeedsHuman],
])('%s has its code and its fate', (error, expected, fate) => {
  expect(code(error)).toBe(expected);
  expect(classify(error, call)).toBeInstanceOf(fate);
});

test("Secret Manager's errors are read from the raw JSON of their message and from gRPC's numbers", () => {
  const rest = Object.assign(new Error('{"error":{"code":404,"message":"Secret [x] not found.","status":"NOT_FOUND"}}'), { code: 404 });
  expect(code(rest)).toBe('gcp.not-found');
  expect(classify(rest, call).message).toContain('Secret [x] not found.');
  expect(code(Object.assign(new Error('5 NOT_FOUND'), { code: 5 }))).toBe('gcp.not-found');
});

test('a refusal names the method, the resource and the role to grant', () => {
  const error = classify(gaxios(403, 'no'), call) as NeedsHuman;
  expect(error.message).toContain('sqladmin.instances.patch on instance a of project p');
  expect(error.remedy).toContain('roles/cloudsql.admin');
});

test('neither message nor cause carries a secret of the request', () => {
  const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----';
  const error = classify(gaxios(400, `Invalid value "s3cretvalue" and ${pem}`), { ...call, secrets: ['s3cretvalue'] });
  const text = `${error.message} ${JSON.stringify(error)} ${String(error.cause)} ${JSON.stringify(error.cause)}`;
  expect(error.message).toContain('"[secret]" and [PEM]');
  expect(text).not.toMatch(/s3cretvalue|MIIabc|hunter2/);
});

test('Retry-After decides when it is tried again', () => {
  expect((classify(gaxios(429, 'x', { headers: new Headers({ 'retry-after': '7' }) }), call) as Transient).retryAfterMs).toBe(7_000);
});

test('404 is an answer to a read and an error to a change', async () => {
  const fail = () => Promise.reject(gaxios(404, 'gone'));
  expect(await reading(call, fail)).toBeUndefined();
  await expect(calling(call, fail)).rejects.toMatchObject({ code: 'gcp.not-found' });
});

test('a wait looks again after a passing trouble and gives up on a lasting one', async () => {
  const options = { signal: new AbortController().signal, timeoutMs: 1_000, everyMs: 1 };
  let looks = 0;
  const found = await until('it', options, async () => {
    looks += 1;
    if (looks === 1) throw new Transient('gcp.unavailable', 'down');
    return looks === 3 ? 'there' : undefined;
  });
  expect(found).toBe('there');
  await expect(until('it', options, () => Promise.reject(new NeedsHuman('x', 'no', { remedy: '' })))).rejects.toThrow('no');
});

test('a wait ends with gcp.operation-slow when its time is over and at once when it is aborted', async () => {
  const nothing = async () => undefined;
  await expect(until('it', { signal: new AbortController().signal, timeoutMs: 5, everyMs: 1 }, nothing)).rejects.toMatchObject({
    code: 'gcp.operation-slow',
  });
  const aborter = new AbortController();
  const waited = until('it', { signal: aborter.signal, timeoutMs: 60_000, everyMs: 60_000 }, nothing);
  aborter.abort(new Error('lease lost'));
  await expect(waited).rejects.toThrow('lease lost');
});
