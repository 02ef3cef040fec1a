import { describe, expect, it } from 'vitest';
import { parseRuntime, secretsOf } from '../../src/config/runtime.ts';
import { redact, redactDeep } from '../../src/slack/redact.ts';
import { section } from '../../src/slack/render/blocks.ts';

/** None of these has a shape by which `redact` knows it, once its surroundings are gone. */
const runtime = parseRuntime({
  SLACK_BOT_TOKEN: 'xoxb-1-2-bot',
  SLACK_APP_TOKEN: 'xapp-1-A-app',
  SLACK_SIGNING_SECRET: '8f742231b10e8888abcd99yyyzzz85a5',
  REDIS_URL: 'redis://:p%40ss-of-redis@127.0.0.1:6379/2',
});

describe('what the process itself knows', () => {
  it('leaves a message redacted, bare as it stands, in text and in blocks', () => {
    const mask = secretsOf(runtime);
    expect(mask).toHaveLength(5);
    for (const secret of ['xoxb-1-2-bot', 'xapp-1-A-app', '8f742231b10e8888abcd99yyyzzz85a5', 'p%40ss-of-redis', 'p@ss-of-redis']) {
      expect(mask).toContain(secret);
      expect(redact(`the server said ${secret} and no more`, mask)).not.toContain(secret);
      expect(JSON.stringify(redactDeep([section(`it said ${secret}`)], mask))).not.toContain(secret);
    }
  });

  it('is nothing where nothing is set, and a password with a bare % is no trouble', () => {
    expect(secretsOf(parseRuntime({}))).toEqual([]);
    expect(secretsOf(parseRuntime({ REDIS_URL: 'redis://:100%sure@redis' }))).toContain('100%sure');
  });
});
