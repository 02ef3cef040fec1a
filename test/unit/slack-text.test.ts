import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact, redactDeep } from '../../src/slack/redact.ts';
import { plainText } from '../../src/slack/render/plain.ts';
import { bar, code, codeBlock, cut, duration, people, plain, safe, time, who, wholeLines } from '../../src/slack/render/text.ts';

describe('text for Slack', () => {
  it('escapes what would be markup, and mentions nobody', () => {
    expect(safe('a < b && <!channel>')).toBe('a &lt; b &amp;&amp; &lt;!channel&gt;');
    expect(code('a`b')).toBe('`aʼb`');
    expect(code('')).toBe('`–`');
  });
  it('is cut within its limit, never through an entity, a mention or a surrogate pair', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('&amp;', '<@U012>', '🐘', 'a', '`', ' ')), fc.integer({ min: 4, max: 60 }), (parts, max) => {
        const short = cut(parts.join(''), max);
        expect(short.length).toBeLessThanOrEqual(max);
        expect(short.replace(/&amp;|<@U012>/g, '')).not.toMatch(/[&<>]/);
        expect(short).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
      }),
    );
  });
  it('counts the lines that it leaves out', () => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
    const { text, left } = wholeLines(lines, 200);
    expect(text.endsWith(`… ${left} more`)).toBe(true);
    expect(text.split('\n').length - 1 + left).toBe(100);
    expect(codeBlock(['a ``` b'], 100).text).toBe('```\na ʼʼʼ b\n```');
  });
  it('says durations as people do', () => {
    expect([84, 3_200, 41_000, 160_000, 3_900_000, 273_600_000].map(duration)).toEqual([
      '84 ms',
      '3.2 s',
      '41 s',
      '2m 40s',
      '1h 05m',
      '3d 4h',
    ]);
  });
  it('names people and groups as mentions, terminals as text', () => {
    expect(people(['U0APPROVER', 'S0DBAS', 'terminal:<ana>'])).toBe('<@U0APPROVER>, <!subteam^S0DBAS> and terminal:&lt;ana&gt;');
    expect(who('bot')).toBe('the bot');
  });
  it('shows a moment in the reader’s own time zone, with UTC as the fallback', () => {
    expect(time(Date.UTC(2026, 10, 22, 10, 0, 5), '{time_secs}')).toBe('<!date^1795341605^{time_secs}|10:00:05 UTC>');
  });
  it('draws a bar for any number', () => {
    expect(bar(0.5, 4)).toBe('`██░░` 50 %');
    expect([bar(-1, 2), bar(7, 2), bar(Number.NaN, 2)]).toEqual(['`░░` 0 %', '`██` 100 %', '`░░` 0 %']);
  });
  it('keeps titles in one line within their limit', () => {
    expect(plain('a\nb', 10)).toBe('a b');
    expect(plain('🐘'.repeat(40), 11)).toBe(`${'🐘'.repeat(5)}…`);
  });
  it('reads as plain text in a terminal', () => {
    expect(plainText('*Source* `pg15` since <!date^1^{time}|10:00:00 UTC> by <@U0APPROVER> &amp; <!subteam^S0DBAS>')).toBe(
      'Source pg15 since 10:00:00 UTC by U0APPROVER & @S0DBAS',
    );
  });
});

describe('what is never sent', () => {
  const secrets = [
    'postgres://migration:hunter2@127.0.0.2:5432/inapp',
    "alter user migration password 'hunter2'",
    'host=1 password=hunter2 dbname=x',
    '{"password":"hunter2"}',
    '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----',
    'xoxb-1234-hunter2 xapp-1-hunter2',
    'Bearer hunter2hunter2',
    'token ya29.hunter2-abc',
  ];
  for (const text of secrets)
    it(`${text.slice(0, 24)}…`, () => {
      expect(redact(text)).not.toContain('hunter2');
    });
  it('literal values of the mask list, at any depth', () => {
    expect(redactDeep({ a: [{ text: 'the key is s3cr3t-value' }] }, ['s3cr3t-value'])).toEqual({ a: [{ text: 'the key is •••' }] });
  });
  it('leaves the names of secrets and ordinary SQL as they are', () => {
    for (const text of [
      'secret database-password-inapp-postgres',
      'grant select on all tables',
      'ALTER USER migration WITH REPLICATION',
      'https://example.org/a:b@c',
    ])
      expect(redact(text)).toBe(text);
  });
});
