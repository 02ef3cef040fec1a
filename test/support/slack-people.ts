import type { SlackOptions } from '../../sandbox/slack/types.ts';

/** The workspace of the sandbox: who may do what, and one channel of each awkward kind. */
export const PEOPLE: Pick<SlackOptions, 'users' | 'channels' | 'usergroups'> = {
  users: [
    { id: 'U0OPERATOR', name: 'operator' },
    { id: 'U0APPROVER', name: 'approver' },
    { id: 'U0SECOND', name: 'second approver' },
    { id: 'U0LEAD', name: 'tech lead' },
    { id: 'U0ADMIN', name: 'admin' },
    { id: 'U0OUTSIDER', name: 'outsider', team: 'T0ELSEWHERE' },
  ],
  channels: [
    { id: 'C0MIGRATION', name: 'pg-migrations' },
    { id: 'C0OTHER', name: 'other', botIsMember: false },
    { id: 'C0SECRET', name: 'secret', botIsMember: false, isPrivate: true },
    { id: 'C0OLD', name: 'old', isArchived: true },
  ],
  usergroups: [
    { id: 'S0OPERATORS', handle: 'operators', users: ['U0OPERATOR'] },
    { id: 'S0DBAS', handle: 'dbas', users: ['U0APPROVER', 'U0SECOND'] },
  ],
};
