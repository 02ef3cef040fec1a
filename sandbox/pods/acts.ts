import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { escapeIdentifier } from 'pg';
import type { PodKind, PodMessage } from './messages.ts';

export interface Acting {
  readonly client: Client;
  readonly pod: string;
  /** Counts the acts of this process. */
  readonly sequence: number;
  readonly server: string;
  flag(name: string): Promise<boolean>;
}
export type Act = (acting: Acting) => Promise<PodMessage | undefined>;

/** The seed's first campaign; ids go on without gaps from there. */
const firstCampaign = 734_211;
function anyCampaign(): number {
  return firstCampaign + Math.floor(Math.random() * 500);
}

/** The row that the ledger looks for afterwards, in the same transaction as the application's own change. */
async function acknowledged({ client, pod, sequence, server }: Acting, change: () => Promise<unknown>): Promise<PodMessage> {
  const id = randomUUID();
  const began = Date.now();
  await client.query('begin');
  await client.query('insert into public.pod_write (id, pod, seq) values ($1, $2, $3)', [id, pod, sequence]);
  await change();
  await client.query('commit');
  return { type: 'acknowledged', id, seq: sequence, at: Date.now(), tookMs: Date.now() - began, server };
}

/** A new audience gets a partition: at once while the flag is off, by the partition worker while it is on. */
async function requestAudience(acting: Acting): Promise<void> {
  const podNumber = Number.parseInt(acting.pod.slice(-6), 16) % 20_000;
  const key = podNumber * 100_000 + acting.sequence;
  if (await acting.flag('ASYNC_AUDIENCE_CREATION_ENABLED')) {
    await acting.client.query('insert into audience_data.partition_queue (partition_key) values ($1)', [key]);
    return;
  }
  await createPartition(acting.client, key);
}

async function createPartition(client: Client, key: number): Promise<void> {
  const table = escapeIdentifier(`member_${key}`);
  await client.query(`create table if not exists audience_data.${table} partition of audience_data.member for values in (${key})`);
  await client.query(
    `insert into audience_data.member (partition_key, member_id, contact)
     select $1, g, row(g, 'new@example.org')::public.test_contact from generate_series(1, 5) g`,
    [key],
  );
}

/**
 * Swaps two priorities in one transaction: what the deferrable constraint is for, and what stops pglogical while it exists.
 * Locked first, because while it is gone nothing else keeps two swaps of one row from doubling a priority.
 */
async function swapPriorities(client: Client): Promise<void> {
  const { rows } = await client.query<{ id: string; priority: number }>(
    `select c.id, c.priority from public.campaign a join public.campaign c using (customer_id, application_code)
     where a.id = $1 and c.id >= a.id order by c.id limit 2 for update of c`,
    [anyCampaign()],
  );
  const [first, second] = rows;
  if (!first || !second) return;
  await client.query('update public.campaign set priority = case id when $1 then $2::int else $4::int end where id in ($1, $3)', [
    first.id,
    second.priority,
    second.id,
    first.priority,
  ]);
}

/** However fast its pod writes: every audience is a table more. */
const audienceEveryMs = 4_000;
let audienceDueAt: number | undefined;

async function web(acting: Acting): Promise<PodMessage> {
  const message = await acknowledged(acting, async () => {
    if (acting.sequence % 5 === 0) await swapPriorities(acting.client);
    else
      await acting.client.query(`update public.campaign set payload = payload || jsonb_build_object('seen', $1::bigint) where id = $2`, [
        acting.sequence,
        anyCampaign(),
      ]);
  });
  audienceDueAt ??= Date.now() + audienceEveryMs / 2;
  if (Date.now() >= audienceDueAt) {
    audienceDueAt = Date.now() + audienceEveryMs;
    await requestAudience(acting);
  }
  return message;
}

async function worker(acting: Acting): Promise<PodMessage> {
  return acknowledged(acting, () =>
    acting.sequence % 20 === 0
      ? acting.client.query('delete from public.pod_write where pod = $1 and seq < 0', [acting.pod])
      : acting.client.query('update public.campaign set amount = amount + 0.01 where id = $1', [anyCampaign()]),
  );
}

async function reader({ client, server }: Acting): Promise<PodMessage> {
  await client.query(`select count(*) from public.campaign where id < ${firstCampaign + 100}`);
  return { type: 'read', at: Date.now(), server };
}

/** Works off the queue: creating a partition needs to be the owner of the parent. */
async function partitions({ client, server }: Acting): Promise<PodMessage | undefined> {
  const next = await client.query<{ id: string; partition_key: number }>(
    'select id, partition_key from audience_data.partition_queue order by id limit 1',
  );
  const request = next.rows[0];
  if (!request) return undefined;
  await client.query('begin');
  await createPartition(client, request.partition_key);
  await client.query('delete from audience_data.partition_queue where id = $1', [request.id]);
  await client.query('commit');
  return { type: 'partition', at: Date.now(), server, name: `member_${request.partition_key}` };
}

/** By kind of pod: one act, then a pause. */
export const acts: Readonly<Record<PodKind, Act>> = {
  web,
  worker,
  reader,
  partitions,
  adhoc: (acting) => acknowledged(acting, () => acting.client.query('select 1')),
};
