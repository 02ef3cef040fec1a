import { webApi } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { fixtureMessages } from '../support/slack-fixtures.ts';

const token = process.env['SLACK_CONTRACT_TOKEN'];

/** Opt-in: with the bot token of a real workspace, every kind of message is put before Slack's own validator; nothing is posted. */
describe.skipIf(token === undefined)('Slack itself', () => {
  const web = new webApi.WebClient(token);
  for (const [name, message] of fixtureMessages())
    it(`takes ${name}`, async () => {
      const answer = await web
        .apiCall('blocks.validate', { blocks: JSON.stringify(message.blocks) })
        .catch((error: unknown) => ({ ok: false, error }));
      expect(answer).toMatchObject({ ok: true });
    });
});
