import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled, ofProject } from '../../sandbox/compiled.ts';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { PEOPLE } from '../support/slack-people.ts';

let redis: RedisForTests;
let slack: Slack;
let folder: string;
let environment: Record<string, string>;
beforeAll(async () => {
  redis = await redisForTests();
  slack = createSlack({ ...PEOPLE });
  folder = await mkdtemp(join(tmpdir(), 'pgupgrade-refusals-'));
  environment = {
    REDIS_URL: redis.url,
    SLACK_API_URL: `${await slack.listen()}/api/`,
    SLACK_BOT_TOKEN: 'xoxb-sandbox',
    SLACK_APP_TOKEN: 'xapp-sandbox',
    SERVICES_DIR: ofProject('services'),
  };
});
afterAll(async () => {
  await slack.close();
  await redis.close();
  await rm(folder, { recursive: true, force: true });
});

/** Production's own entry points, as an operator starts them. */
function run(entry: 'main' | 'cli', args: readonly string[], changed: Readonly<Record<string, string>>) {
  return new Promise<{ readonly code: number | string | null | undefined; readonly said: string }>((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment, ...changed };
    execFile(process.execPath, [compiled(`src/${entry}.js`), ...args], { env }, (error, _stdout, stderr) =>
      resolve({ code: error ? error.code : 0, said: stderr }),
    );
  });
}

describe('a process that cannot work says why in a sentence and ends', () => {
  it.each([
    [
      'a Redis that is not there',
      { REDIS_URL: 'redis://127.0.0.1:1' },
      /^Redis at 127\.0\.0\.1:1 cannot be reached within 10 s \(connect ECONNREFUSED 127\.0\.0\.1:1\): start it or set REDIS_URL/,
    ],
    ['a token that is none', { SLACK_BOT_TOKEN: 'secret' }, /SLACK_BOT_TOKEN: must be the bot token \(xoxb-…\)/],
    ['a token of nobody', { SLACK_BOT_TOKEN: 'xoxb-of-another-app' }, /^Slack refuses the bot: invalid_auth/],
    ['a folder that is not there', { SERVICES_DIR: '/nowhere' }, /^The folder \/nowhere with the service files cannot be read/],
  ])('%s', { timeout: 60_000 }, async (_what, changed, sentence) => {
    const { code, said } = await run('main', ['bot'], changed);
    expect(said).toMatch(sentence);
    expect(said).not.toContain('    at ');
    expect(said).not.toContain('SLACK_BOT_TOKEN' in changed ? changed.SLACK_BOT_TOKEN : 'xoxb-sandbox');
    expect(code).toBe(2);
  });

  it('a service file with errors: all of them, each with its path', async () => {
    await writeFile(join(folder, 'inapp.yaml'), 'service: In App\nchannel: C1\nreplicas: 3\n');
    const { code, said } = await run('main', ['worker'], { SERVICES_DIR: folder });
    expect(said).toMatch(/^inapp\.yaml has \d+ problems:/);
    expect(said).toContain('  - service: lower case letters, digits and hyphens');
    expect(said).toContain('  - instance: ');
    expect(said).toMatch(/Unrecognized key: "replicas"/);
    expect(code).toBe(2);
  });

  it('a Redis that may forget, with the command that mends it', async () => {
    const client = new Redis(redis.url);
    await client.config('SET', 'appendonly', 'no');
    try {
      const { code, said } = await run('main', ['worker'], {});
      expect(said).toMatch(/^Redis has appendonly no; run: redis-cli CONFIG SET appendonly yes/);
      expect(code).toBe(2);
    } finally {
      await client.config('SET', 'appendonly', 'yes');
      client.disconnect();
    }
  });

  it('a verb from a terminal without Redis', async () => {
    const { code, said } = await run('cli', ['status'], { REDIS_URL: 'redis://127.0.0.1:1' });
    expect(said).toMatch(/^Redis at 127\.0\.0\.1:1 cannot be reached within 5 s .* nothing was changed\. \(redis\.unreachable\)\n$/);
    expect(code).toBe(1);
  });
});
