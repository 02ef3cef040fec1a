import { createHmac } from 'node:crypto';
import { isObject, structure } from './json.ts';
import type { Answer, Json } from './types.ts';
import type { Workspace } from './workspace.ts';

function bodyOf(type: string, payload: Json): string {
  if (type === 'events_api') return JSON.stringify(payload);
  if (type === 'interactive') return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  return new URLSearchParams(Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, String(value)]))).toString();
}

/**
 * Delivery to a request URL, signed as Slack signs it (docs.slack.dev/authentication/verifying-requests-from-slack).
 * Errors are those that a person sees: `operation_timeout`, `dispatch_failed`, `http_service_error`.
 */
export async function deliverOverHttp(workspace: Workspace, url: string, type: string, payload: Json): Promise<Answer> {
  const body = bodyOf(type, payload);
  const at = String(Math.floor(workspace.now() / 1000));
  const secret = workspace.options.signingSecret ?? 'sandbox-secret';
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(workspace.limits.ackMs),
      headers: {
        'content-type': type === 'events_api' ? 'application/json' : 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': at,
        'x-slack-signature': signature,
      },
    });
    const said = await response.text();
    if (!response.ok) return { ok: false, error: 'http_service_error' };
    const answer = structure(said);
    return { ok: true, payload: isObject(answer) ? answer : said ? { text: said } : {} };
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    return { ok: false, error: late ? 'operation_timeout' : 'dispatch_failed' };
  }
}
