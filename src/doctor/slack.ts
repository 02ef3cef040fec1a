import { webApi } from '@slack/bolt';
import type { Runtime } from '../config/runtime.ts';
import type { Service } from '../config/schema.ts';
import { gateRule, targetOf } from '../config/target.ts';
import type { RunbookShape } from '../engine/state.ts';
import { NeedsHuman } from '../errors.ts';
import { checksOf, type Finding, ok, type Said, wrong } from './findings.ts';

const must = { commands: '/pgupgrade', 'chat:write': 'the board and its thread', 'files:write': 'plans and the report as files' } as const;
const manifest = 'Add it under OAuth & Permissions (or take slack-manifest.yaml as the app’s manifest) and install the app again.';

/** Token, scopes, sockets; the channels and the people that the service files name. Sends and changes nothing. */
export async function checkSlack(
  runtime: Runtime,
  services: ReadonlyMap<string, Service>,
  shape: RunbookShape,
): Promise<readonly Finding[]> {
  const check = checksOf('Slack');
  const token = runtime.SLACK_BOT_TOKEN;
  if (token === undefined)
    return check('bot token', async () =>
      wrong('SLACK_BOT_TOKEN is not set.', 'Set it to the installed app’s Bot User OAuth Token (xoxb-…).'),
    );
  const web = client(token, runtime);
  const groups = createGroups(web);
  const scopes: string[] = [];
  const first = await check('bot token', async () => {
    const answer = await asked(() => web.auth.test());
    scopes.push(...(answer.response_metadata?.scopes ?? []));
    return ok(`${answer.user ?? 'a bot'} of workspace ${answer.team ?? '?'}`);
  });
  if (first.some(({ verdict }) => verdict !== 'ok')) return [...first, ...(await checkReceiver(runtime, check))];
  const all = [...services.values()];
  const uses = { 'usergroups:read': all.some((service) => Object.values(service.people).flat().some(isGroup)) };
  const rest = await Promise.all([
    check('scopes', async () => scopeFindings(scopes, uses)),
    checkReceiver(runtime, check),
    ...[...new Set(all.map(({ channel }) => channel))].map((channel) => check(`channel ${channel}`, () => channelFinding(web, channel))),
    ...all.flatMap((service) => peopleChecks(service, shape, groups, check)),
  ]);
  return [...first, ...rest.flat()];
}

function client(token: string, runtime: Runtime): webApi.WebClient {
  const slackApi = runtime.SLACK_API_URL === undefined ? {} : { slackApiUrl: runtime.SLACK_API_URL };
  return new webApi.WebClient(token, {
    timeout: 10_000,
    retryConfig: { retries: 1 },
    rejectRateLimitedCalls: true,
    logLevel: 'error' as webApi.LogLevel,
    ...slackApi,
  });
}

const renew = 'Copy the token of the installed app again: SLACK_BOT_TOKEN (xoxb-…) and SLACK_APP_TOKEN (xapp-…, scope connections:write).';
const remedies: Readonly<Record<string, string>> = {
  invalid_auth: renew,
  not_authed: renew,
  token_revoked: renew,
  token_expired: renew,
  account_inactive: renew,
  not_allowed_token_type: renew,
  no_such_subteam: 'Name a user group that exists in the service file, or people (U…).',
  plan_upgrade_required: 'User groups need a paid plan: name people (U…) in the service file instead.',
};

/** Slack's refusals as sentences; a network that fails stays what it is. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof webApi.WebAPIPlatformError)) throw error;
    const { error: code } = error.data;
    const remedy = remedies[code] ?? 'See what this answer means under docs.slack.dev, for the method that was asked.';
    throw new NeedsHuman(`slack.${code}`, `Slack answers ${code}.`, { remedy, cause: error });
  }
}

function scopeFindings(scopes: readonly string[], uses: Readonly<Record<string, boolean>>): readonly Said[] {
  if (scopes.length === 0) return [{ verdict: 'unseen', message: 'Slack did not say which scopes the token has.', fix: manifest }];
  const missing = Object.entries(must).filter(([scope]) => !scopes.includes(scope));
  const needed = Object.entries(uses).filter(([scope, used]) => used && !scopes.includes(scope));
  return [
    ...missing.map(([scope, why]) => wrong(`${scope} is missing: ${why}.`, manifest)),
    ...needed.map(([scope]) =>
      wrong(`${scope} is missing, and the service files give roles to user groups: nobody would be recognised.`, manifest),
    ),
    ...(missing.length + needed.length === 0 ? [ok(scopes.join(', '))] : []),
  ];
}

function checkReceiver(runtime: Runtime, check: ReturnType<typeof checksOf>): Promise<readonly Finding[]> {
  const { SLACK_HTTP_PORT: port, SLACK_SIGNING_SECRET: secret, SLACK_APP_TOKEN: appToken } = runtime;
  if (port !== undefined || secret !== undefined)
    return check('HTTP', async () =>
      port !== undefined && secret !== undefined
        ? ok(`requests are taken on port ${port} and their signatures checked`)
        : wrong(
            `${port === undefined ? 'SLACK_HTTP_PORT' : 'SLACK_SIGNING_SECRET'} is not set.`,
            'Set both for HTTP, or neither and SLACK_APP_TOKEN for Socket Mode.',
          ),
    );
  if (appToken === undefined)
    return check('Socket Mode', async () =>
      wrong('SLACK_APP_TOKEN is not set.', 'Make an app-level token with connections:write and set SLACK_APP_TOKEN (xapp-…).'),
    );
  return check('Socket Mode', async () => {
    await asked(() => client(appToken, runtime).apps.connections.open({}));
    return ok('a connection is granted');
  });
}

async function channelFinding(web: webApi.WebClient, channel: string): Promise<Said> {
  try {
    const { channel: found } = await asked(() => web.conversations.info({ channel }));
    if (found?.is_archived) return wrong(`#${found.name} is archived.`, 'Name another channel in the service file.');
    if (!found?.is_member) return wrong(`The bot is not in #${found?.name ?? channel}.`, 'Type /invite @pgupgrade there.');
    return ok(`#${found.name}, the bot is in it`);
  } catch (error) {
    if (!(error instanceof NeedsHuman)) throw error;
    if (error.code === 'slack.missing_scope')
      return {
        verdict: 'note',
        message: 'Whether the bot is in it cannot be seen without the scope channels:read; every start tries it before it begins.',
      };
    if (error.code === 'slack.channel_not_found')
      return wrong('Slack does not show it to the bot.', 'See its id; if it is private, type /invite @pgupgrade there.');
    throw error;
  }
}

function isGroup(entry: string): boolean {
  return /^S[A-Z0-9]+$/.test(entry);
}

/** The members of a group, asked once. */
function createGroups(web: webApi.WebClient): (group: string) => Promise<readonly string[]> {
  const known = new Map<string, Promise<readonly string[]>>();
  return (group) => {
    const members = known.get(group) ?? asked(() => web.usergroups.users.list({ usergroup: group })).then(({ users }) => users ?? []);
    known.set(group, members);
    return members;
  };
}

/** Has every role enough different people for the questions that it decides? */
function peopleChecks(
  service: Service,
  shape: RunbookShape,
  groups: (group: string) => Promise<readonly string[]>,
  check: ReturnType<typeof checksOf>,
) {
  const gates = shape.filter(({ gated }) => gated).map(({ id }) => id);
  const wanted = new Map<string, { count: number; gate: string }>();
  for (const environment of Object.keys(service.environments)) {
    const target = targetOf(service, environment);
    for (const gate of gates) {
      const { role, count } = gateRule(target, gate);
      if (count > (wanted.get(role)?.count ?? 0)) wanted.set(role, { count, gate: `${gate} of ${environment}` });
    }
  }
  return Object.entries(service.people).map(([role, entries]) =>
    check(`${service.service} ${role}`, async () => {
      if (entries.includes('everyone')) return ok('everyone');
      const members = new Set((await Promise.all(entries.map((entry) => (isGroup(entry) ? groups(entry) : [entry])))).flat());
      const need = wanted.get(role);
      if (need && members.size < need.count)
        return wrong(
          `${members.size} of the ${need.count} people that ${need.gate} needs.`,
          `Add people to ${entries.join(', ')}, or to people.${role} in the service file.`,
        );
      if (members.size === 0) return wrong('Nobody is in it.', `Add people to ${entries.join(', ')}.`);
      return ok(`${members.size} ${members.size === 1 ? 'person' : 'people'}`);
    }),
  );
}
