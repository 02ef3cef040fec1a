import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { isObject } from '../../sandbox/slack/json.ts';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import type { Json } from '../../sandbox/slack/types.ts';
import { renderWindow } from '../../src/slack/render/modals.ts';
import { renderSteps } from '../../src/slack/render/steps.ts';
import { callSlack } from '../support/slack-api.ts';
import { writeStop } from '../support/slack-fixtures.ts';
import { PEOPLE } from '../support/slack-people.ts';
import { viewOf } from '../support/slack-runs.ts';

let slack: Slack;
let base: string;
const sockets: WebSocket[] = [];

const answer = async (method: string, args: Json = {}, token?: string): Promise<Json> => (await callSlack(base, method, args, token)).body;

/** A socket as an app opens one, and the first thing that it hears. */
async function connect(heard: (message: Json, socket: WebSocket) => void = () => undefined): Promise<Json> {
  const { url } = await answer('apps.connections.open', {}, 'xapp-sandbox');
  const socket = new WebSocket(String(url));
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.on('message', (data) => {
      const message: unknown = JSON.parse(String(data));
      if (!isObject(message)) return;
      heard(message, socket);
      resolve(message);
    });
  });
}

beforeEach(async () => {
  slack = createSlack({ ...PEOPLE });
  base = await slack.listen();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    const closed = once(socket, 'close');
    socket.terminate();
    if (socket.readyState !== WebSocket.CLOSED) await closed;
  }
  await slack.close();
});

describe('an upload', () => {
  const announce = (length: number) => answer('files.getUploadURLExternal', { filename: 'a.csv', length });
  const send = async (url: unknown, bytes: string) => (await fetch(String(url), { method: 'POST', body: bytes })).ok;
  const share = async (id: unknown) =>
    (await answer('files.completeUploadExternal', { files: [{ id }], channel_id: 'C0MIGRATION' }))['error'];

  it('of another length than was announced is not taken, and not shown', async () => {
    const { upload_url: url, file_id: id } = await announce(3);
    expect(await send(url, 'four')).toBe(false);
    expect(await share(id)).toBe('file_not_found');
    expect(slack.state.messages).toEqual([]);
  });
  it('is shown once', async () => {
    const { upload_url: url, file_id: id } = await announce(3);
    expect(await send(url, 'abc')).toBe(true);
    expect([await share(id), await share(id)]).toEqual([undefined, 'file_not_found']);
    expect(slack.state.messages).toHaveLength(1);
  });
  it('that nobody announced, or that is empty, is refused', async () => {
    expect(await share('F0NONE')).toBe('file_not_found');
    expect((await announce(0))['error']).toBe('invalid_arguments');
  });
});

describe('sockets', () => {
  it('get an envelope one of them at a time', async () => {
    const envelopes: string[] = [];
    const take = (message: Json, socket: WebSocket) => {
      if (typeof message['envelope_id'] !== 'string') return;
      envelopes.push(message['envelope_id']);
      socket.send(JSON.stringify({ envelope_id: message['envelope_id'] }));
    };
    for (let opened = 0; opened < 3; opened += 1) await connect(take);
    for (let typed = 0; typed < 12; typed += 1) await slack.human.command('operator', '/pgupgrade status');
    expect([envelopes.length, new Set(envelopes).size]).toEqual([12, 12]);
  });
  it('are ten at most', async () => {
    for (let opened = 1; opened <= 10; opened += 1) expect(await connect()).toMatchObject({ type: 'hello', num_connections: opened });
    expect(await connect()).toMatchObject({ type: 'disconnect', reason: 'too_many_websockets' });
  });
});

describe('windows', () => {
  const view = renderWindow('PG-1', [{ type: 'divider' }]);
  const pressed = (id: string, more: { readonly view?: string } = {}) =>
    slack.state.triggers.set(id, { user: 'U0OPERATOR', at: Date.now(), ...more });
  const idOf = (body: Json) => (isObject(body['view']) ? String(body['view']['id']) : '');

  it('are stacked three high', async () => {
    pressed('first');
    let top = idOf(await answer('views.open', { trigger_id: 'first', view }));
    for (const id of ['second', 'third']) {
      pressed(id, { view: top });
      top = idOf(await answer('views.push', { trigger_id: id, view }));
      expect(top).not.toBe('');
    }
    pressed('fourth', { view: top });
    expect((await answer('views.push', { trigger_id: 'fourth', view }))['error']).toBe('push_limit_reached');
  });
  it('show the status of a run', async () => {
    pressed('status');
    const blocks = JSON.parse(JSON.stringify(renderSteps(viewOf(writeStop)).blocks));
    expect(await answer('views.open', { trigger_id: 'status', view: renderWindow('PG-1', blocks) })).toMatchObject({ ok: true });
  });
});
