import { isObject } from '../../sandbox/slack/json.ts';
import type { Json } from '../../sandbox/slack/types.ts';

/** A Web API call as any client makes it, by JSON, with nothing retried. */
export async function callSlack(
  base: string,
  method: string,
  args: Json = {},
  token = 'xoxb-sandbox',
): Promise<{ readonly body: Json; readonly response: Response }> {
  const response = await fetch(`${base}/api/${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  const body: unknown = await response.json();
  if (!isObject(body)) throw new Error(`${method} answered no object`);
  return { body, response };
}
