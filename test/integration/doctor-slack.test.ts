import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createSlack } from '../../sandbox/slack/slack.ts';
import { parseService } from '../../src/config/load.ts';
import { parseRuntime } from '../../src/config/runtime.ts';
import { exitCodeOf, type Finding, printed } from '../../src/doctor/findings.ts';
import { checkSlack } from '../../src/doctor/slack.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { needs } from '../../src/gcp/permissions.ts';
import { runbook } from '../../src/runbook.ts';
import { PEOPLE } from '../support/slack-people.ts';

const bad = (findings: readonly Finding[]) =>
  findings
    .filter(({ verdict }) => verdict === 'wrong' || verdict === 'unseen')
    .map(({ what, verdict, message, fix }) => `${verdict} ${what}: ${message} | ${fix ?? ''}`);

describe('the doctor', () => {
  test('sees scopes that are missing, a channel without the bot, and a role with too few people', async () => {
    const usergroups = [
      { id: 'S0OPERATORS', handle: 'operators', users: [] },
      { id: 'S0DBAS', handle: 'dbas', users: ['U0APPROVER'] },
    ];
    const slack = createSlack({
      ...PEOPLE,
      usergroups,
      scopes: ['commands', 'chat:write', 'usergroups:read', 'channels:read'],
      channels: [{ id: 'C0MIGRATION', name: 'pg-migrations', botIsMember: false }],
    });
    const runtime = parseRuntime({
      SLACK_BOT_TOKEN: 'xoxb-sandbox',
      SLACK_APP_TOKEN: 'xapp-sandbox',
      SLACK_API_URL: `${await slack.listen()}/api/`,
    });
    const file = await readFile(new URL('../../services/inapp.yaml', import.meta.url), 'utf8');
    const findings = await checkSlack(runtime, new Map([['inapp', parseService(file, 'inapp.yaml')]]), shapeOf(runbook));
    await slack.close();
    expect(bad(findings)).toEqual([
      expect.stringMatching(/^wrong scopes: files:write is missing: plans and the report as files\./),
      expect.stringMatching(/^wrong channel C0MIGRATION: The bot is not in #pg-migrations\. \| Type \/invite @pgupgrade there\./),
      expect.stringMatching(/^wrong inapp operator: Nobody is in it\./),
      expect.stringMatching(/^wrong inapp approver: 1 of the 2 people that approve-cutover of production needs\./),
    ]);
  });

  test('asks for a permission for every call that the clients of Google make', async () => {
    const folder = new URL('../../src/gcp/', import.meta.url);
    const calls = new Set<string>();
    for (const [file, api] of [
      ['cloud-sql.ts', 'sqladmin'],
      ['data-migration.ts', 'datamigration'],
      ['secrets.ts', 'secretmanager'],
    ] as const)
      for (const [, call = ''] of (await readFile(new URL(file, folder), 'utf8')).matchAll(/\bon\('([\w.]+)'/g))
        calls.add(`${api}.${call.replace(/^secrets\.(?=versions\.)/, '')}`);
    expect(calls.size).toBeGreaterThan(25);
    expect([...calls].filter((call) => !needs.some((need) => need.call === call))).toEqual([]);
  });

  test('ends with 1 if anything is wrong, else with 2 if anything could not be seen, and prints what fixes it', () => {
    const finding = (verdict: Finding['verdict']): Finding => ({
      area: 'Redis',
      what: 'durability',
      verdict,
      message: 'as it is',
      fix: 'mend it',
    });
    expect(
      [[], ['ok', 'note'], ['ok', 'unseen'], ['unseen', 'wrong']].map((all) => exitCodeOf((all as Finding['verdict'][]).map(finding))),
    ).toEqual([0, 0, 2, 1]);
    expect(printed([finding('wrong')])).toBe(
      'Redis\n  WRONG  durability: as it is\n           fix: mend it\n0 ok, 0 to know, 1 wrong. Nothing was changed.',
    );
  });
});
