import { randomUUID } from 'node:crypto';
import { blockProblems, describe, viewProblems } from '../blocks/validate.ts';
import { structure, text } from '../json.ts';
import { change, find } from '../messages.ts';
import type { Json } from '../types.ts';
import { BOT, channelOf, TEAM, type Workspace } from '../workspace.ts';
import { done, fail, type Method, writable } from './method.ts';

function conversation(workspace: Workspace, args: Json): Json {
  const channel = channelOf(workspace, text(args, 'channel'));
  if (!channel || channel.id !== text(args, 'channel') || (channel.isPrivate && channel.botIsMember === false))
    return fail('channel_not_found');
  return done({
    channel: {
      id: channel.id,
      name: channel.name,
      is_channel: true,
      is_private: channel.isPrivate === true,
      is_archived: channel.isArchived === true,
      is_member: channel.botIsMember !== false,
    },
  });
}

function pin(workspace: Workspace, args: Json, pinned: boolean): Json {
  const channel = writable(workspace, text(args, 'channel'), 'is_archived');
  if (typeof channel === 'string') return fail(channel);
  const message = find(workspace, channel.id, text(args, 'timestamp'));
  if (!message || message.ephemeral) return fail('message_not_found');
  if (pinned === (message.pinned === true)) return fail(pinned ? 'already_pinned' : 'no_pin');
  change(workspace, message, { pinned });
  return done();
}

function groupMembers(workspace: Workspace, args: Json): Json {
  if (workspace.options.freePlan) return fail('plan_upgrade_required');
  const group = workspace.options.usergroups.find((one) => one.id === text(args, 'usergroup'));
  return group ? done({ users: group.users }) : fail('no_such_subteam');
}

function groups(workspace: Workspace): Json {
  if (workspace.options.freePlan) return fail('plan_upgrade_required');
  return done({
    usergroups: workspace.options.usergroups.map((group) => ({
      id: group.id,
      handle: group.handle,
      name: group.handle,
      users: group.users,
    })),
  });
}

function person(workspace: Workspace, args: Json): Json {
  const user = workspace.options.users.find((one) => one.id === text(args, 'user'));
  if (!user) return fail('user_not_found');
  return done({
    user: {
      id: user.id,
      name: user.name,
      team_id: user.team ?? TEAM.id,
      real_name: user.name,
      tz: 'UTC',
      profile: { display_name: user.name },
    },
  });
}

function validate(args: Json): Json {
  const isView = args['view'] !== undefined;
  const problems = isView ? viewProblems(structure(args['view'])) : blockProblems(structure(args['blocks']), 'message');
  if (problems.length === 0) return done();
  return { ...fail(isView ? 'invalid_view' : 'invalid_blocks', describe(problems)), errors: problems };
}

export const directoryMethods: Readonly<Record<string, Method>> = {
  'api.test': { run: () => done() },
  'auth.test': {
    run: (workspace) =>
      done({
        url: `${workspace.base()}/`,
        team: TEAM.name,
        team_id: TEAM.id,
        user: BOT.name,
        user_id: BOT.user,
        bot_id: BOT.id,
        is_enterprise_install: false,
      }),
  },
  'apps.connections.open': {
    run(workspace) {
      const ticket = randomUUID();
      workspace.state.tickets.add(ticket);
      return done({ url: `${workspace.base().replace(/^http/, 'ws')}/link/?ticket=${ticket}&app_id=${BOT.app}` });
    },
  },
  'blocks.validate': { run: (_workspace, args) => validate(args) },
  'conversations.info': { scope: 'channels:read', run: conversation },
  'pins.add': { scope: 'pins:write', run: (workspace, args) => pin(workspace, args, true) },
  'pins.remove': { scope: 'pins:write', run: (workspace, args) => pin(workspace, args, false) },
  'usergroups.list': { scope: 'usergroups:read', run: groups },
  'usergroups.users.list': { scope: 'usergroups:read', run: groupMembers },
  'users.info': { scope: 'users:read', run: person },
};
