import pg from 'pg';
import { buttons } from './cast.ts';
import type { Injected } from './injected.ts';
import type { Message } from './slack/types.ts';
import type { World } from './world.ts';

/** The last campaign, which the pods never touch: its key, and its priority on both servers. */
export interface ChangedRow {
  readonly id: string;
  readonly source: string;
  readonly destination: string;
}

/** Changes the priority of one campaign on the environment's newest server by `by`, and nothing else: triggers do not fire. */
export async function changeRow(world: World, environment: string, by: 1 | -1): Promise<ChangedRow> {
  const cluster = world.servers.fleet.list().findLast((one) => one.name.startsWith(`me-inapp-${environment}-`));
  if (!cluster) throw new Error(`there is no server of ${environment}`);
  const client = new pg.Client({ ...cluster.admin, database: 'inapp', ssl: { rejectUnauthorized: false } });
  await client.connect();
  try {
    await client.query('set session_replication_role = replica');
    const { rows } = await client.query<{ id: string; priority: string }>(
      'update public.campaign set priority = priority + $1 where id = (select max(id) from public.campaign) returning id, priority',
      [by],
    );
    const [changed] = rows;
    if (!changed) throw new Error(`there is no campaign on ${cluster.name}`);
    return { id: String(changed.id), source: String(Number(changed.priority) - by), destination: String(changed.priority) };
  } finally {
    await client.end();
  }
}

/**
 * Changes one row on the new server behind the bot's back once the cutover is asked about, and puts it right and presses
 * Retry after the writes were given back. Gives what happened so far; `undefined`: nothing was changed yet.
 */
export function tamper(world: World, environment: string, print: (line: string) => void): () => Injected | undefined {
  let row: ChangedRow | undefined;
  let stage: 'waiting' | 'changing' | 'changed' | 'repairing' | 'repaired' = 'waiting';
  let shown: readonly string[] = [];
  const trouble = (error: unknown) => print(` ! the row: ${error instanceof Error ? error.message : String(error)}`);

  async function inject(): Promise<void> {
    row = await changeRow(world, environment, 1);
    stage = 'changed';
    print(` (somebody)      │ changes priority of campaign ${row.id} on the new server: ${row.source} → ${row.destination}`);
  }

  async function repair(): Promise<void> {
    await changeRow(world, environment, -1);
    stage = 'repaired';
    print(` (somebody)      │ puts campaign ${row?.id} right`);
    for (const message of world.slack.state.messages) await retry(message);
  }

  async function retry(message: Message): Promise<void> {
    const value = buttons(message.blocks).find(({ id }) => id === 'run:retry')?.value;
    if (stage !== 'repaired' || value === undefined || message.deleted) return;
    stage = 'waiting';
    await world.slack.human.click('U0OPERATOR', message.ts, 'run:retry', { value });
  }

  let givenBack = false;
  world.slack.on((event) => {
    if ((event.kind !== 'message' && event.kind !== 'message_changed') || event.message.ephemeral !== undefined) return;
    const { message } = event;
    const lines = message.text.split('\n');
    if (row === undefined && stage === 'waiting' && JSON.stringify(message.blocks).includes(':approve-cutover:')) {
      stage = 'changing';
      inject().catch(trouble);
    }
    if (lines.includes(`+ priority ${row?.destination}`)) shown = lines.slice(1);
    if (stage === 'changed' && /writes are on again/.test(message.text)) {
      givenBack = true;
      stage = 'repairing';
      repair().catch(trouble);
    }
    retry(message).catch(trouble);
  });
  return () =>
    row && {
      table: 'public.campaign',
      key: `id=${row.id}`,
      column: 'priority',
      source: row.source,
      destination: row.destination,
      shown,
      givenBack,
      repaired: stage === 'waiting',
    };
}
