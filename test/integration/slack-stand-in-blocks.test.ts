import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import type { Json } from '../../sandbox/slack/types.ts';
import { callSlack } from '../support/slack-api.ts';
import { PEOPLE } from '../support/slack-people.ts';

const CHANNEL = 'C0MIGRATION';
let slack: Slack;
let base: string;

async function answer(method: string, args: Json): Promise<Json> {
  return (await callSlack(base, method, args)).body;
}
async function error(method: string, args: Json): Promise<unknown> {
  const body = await answer(method, args);
  return body['ok'] === true ? 'ok' : body['error'];
}

const text = (words: string) => ({ type: 'plain_text', text: words });
const section = (words: string, more: Json = {}) => ({ type: 'section', text: { type: 'mrkdwn', text: words }, ...more });
const button = (id: string, label = 'Go') => ({ type: 'button', action_id: id, text: text(label), value: 'v' });
const post = (more: Json) => error('chat.postMessage', { channel: CHANNEL, text: 'x', ...more });

beforeEach(async () => {
  slack = createSlack(PEOPLE);
  base = await slack.listen();
});
afterEach(() => slack.close());

describe('blocks', () => {
  const bad: Readonly<Record<string, readonly Json[]>> = {
    'a section of 3001 characters': [section('x'.repeat(3001))],
    'an empty section': [section('')],
    'a header in mrkdwn': [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }],
    'a header of 151 characters': [{ type: 'header', text: text('x'.repeat(151)) }],
    'eleven fields': [{ type: 'section', fields: Array.from({ length: 11 }, () => text('x')) }],
    'a field of 2001 characters': [{ type: 'section', fields: [text('x'.repeat(2001))] }],
    'eleven elements in a context': [{ type: 'context', elements: Array.from({ length: 11 }, () => text('x')) }],
    '26 buttons': [{ type: 'actions', elements: Array.from({ length: 26 }, (_one, index) => button(`b${index}`)) }],
    'a button text of 76 characters': [{ type: 'actions', elements: [button('b', 'x'.repeat(76))] }],
    'a button value of 2001 characters': [{ type: 'actions', elements: [{ ...button('b'), value: 'x'.repeat(2001) }] }],
    'a confirm text of 301 characters': [{ type: 'actions', elements: [{ ...button('b'), confirm: { text: text('x'.repeat(301)) } }] }],
    'an unknown style': [{ type: 'actions', elements: [{ ...button('b'), style: 'green' }] }],
    'six options in an overflow': [
      section('x', {
        accessory: {
          type: 'overflow',
          action_id: 'o',
          options: Array.from({ length: 6 }, (_one, index) => ({ text: text('x'), value: `${index}` })),
        },
      }),
    ],
    'two options of one value': [
      section('x', { accessory: { type: 'static_select', action_id: 's', options: [1, 2].map(() => ({ text: text('x'), value: 'v' })) } }),
    ],
    'the same block_id twice': [section('x', { block_id: 'a' }), section('y', { block_id: 'a' })],
    'the same action_id twice in a block': [{ type: 'actions', elements: [button('a'), button('a')] }],
    'an unknown field': [section('x', { colour: 'red' })],
    'an unknown type': [{ type: 'banner' }],
    'an alert outside of a modal': [{ type: 'alert', text: text('x') }],
    'an empty cell': [{ type: 'table', rows: [[{ type: 'raw_text', text: '' }]] }],
    'two tables': [1, 2].map(() => ({ type: 'table', rows: [[{ type: 'raw_text', text: 'x' }]] })),
    '101 rows': [{ type: 'table', rows: Array.from({ length: 101 }, () => [{ type: 'raw_text', text: 'x' }]) }],
    '51 blocks': Array.from({ length: 51 }, () => ({ type: 'divider' })),
  };

  it.each(Object.entries(bad))('refuses %s, and says where', async (_what, blocks) => {
    const body = await answer('chat.postMessage', { channel: CHANNEL, text: 'x', blocks });
    expect(body['error']).toBe('invalid_blocks');
    expect(JSON.stringify(body['response_metadata'])).toMatch(/\[ERROR\] .+ \[json-pointer:\/blocks/);
    expect(slack.state.messages).toEqual([]);
  });

  it('takes each of them just below its limit', async () => {
    const blocks = [
      section('x'.repeat(3000)),
      { type: 'header', text: text('x'.repeat(150)) },
      { type: 'actions', elements: [button('a'), button('b')] },
    ];
    expect(await post({ blocks })).toBe('ok');
    expect(await post({ blocks: Array.from({ length: 50 }, () => ({ type: 'divider' })) })).toBe('ok');
  });

  it('refuses a message whose blocks are too long together, and an edit whose text is', async () => {
    expect(await post({ blocks: Array.from({ length: 5 }, () => section('x'.repeat(2900))) })).toBe('msg_blocks_too_long');
    const { ts } = await answer('chat.postMessage', { channel: CHANNEL, text: 'x'.repeat(5000) });
    expect(await error('chat.update', { channel: CHANNEL, ts, text: 'x'.repeat(4001) })).toBe('msg_too_long');
  });
});
