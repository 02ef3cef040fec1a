import type { Channel, Person, UserGroup } from './slack/types.ts';

/** Who sits in the sandbox's workspace. Their roles come from the service file, as everywhere. */
export const people: readonly Person[] = [
  { id: 'U0OPERATOR', name: 'operator' },
  { id: 'U0APPROVER', name: 'approver' },
  { id: 'U0SECOND', name: 'second approver' },
  { id: 'U0LEAD', name: 'tech lead' },
  { id: 'U0ADMIN', name: 'admin' },
  { id: 'U0OUTSIDER', name: 'outsider' },
];
export const groups: readonly UserGroup[] = [
  { id: 'S0OPERATORS', handle: 'operators', users: ['U0OPERATOR'] },
  { id: 'S0DBAS', handle: 'dbas', users: ['U0APPROVER', 'U0SECOND'] },
];
export const channels: readonly Channel[] = [{ id: 'C0MIGRATION', name: 'pg-migrations', botIsMember: true }];
