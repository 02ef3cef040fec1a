import { NeedsHuman } from '../errors.ts';
import { identifier, literal } from './identifiers.ts';
import { join, majorVersion, notYetMemberOf } from './membership.ts';
import { dropSlot } from './slots.ts';
import type { Address, Postgres, Side, Sql } from './types.ts';

export interface WayBackRequest {
  readonly postgres: Postgres;
  readonly uid: string;
  /** The service's databases. */
  readonly databases: readonly string[];
  /** The way back's user on the new server, with REPLICATION. */
  readonly user: string;
  readonly password: string;
}
export interface WayBackLook {
  readonly database: string;
  /** Of publication, slot and subscription alike. */
  readonly name: string;
  readonly publication: boolean;
  readonly slot: boolean;
  /** The old server reads from it now. */
  readonly active: boolean;
  readonly walStatus: string | undefined;
  readonly subscription: 'none' | 'disabled' | 'enabled';
  /** The subscription is pointed away from its slot while tables are made on the old server. */
  readonly held: boolean;
}

/** The slot that a held subscription names; it never exists. */
export function holdSlot(name: string): string {
  return `${name}_hold`;
}

/** `pgupgrade_wayback_<uid>`; slots belong to the whole server, so further databases get a number. */
export function wayBackName(uid: string, databases: readonly string[], database: string): string {
  const position = [...databases].sort().indexOf(database);
  return `pgupgrade_wayback_${uid}${position > 0 ? `_${position + 1}` : ''}`;
}

/** The way back of each database as it stands. */
export async function lookAtWayBack({
  postgres,
  uid,
  databases,
}: Pick<WayBackRequest, 'postgres' | 'uid' | 'databases'>): Promise<readonly WayBackLook[]> {
  return Promise.all(
    databases.map(async (database) => {
      const name = wayBackName(uid, databases, database);
      const [source, destination] = await Promise.all([postgres.database('source', database), postgres.database('destination', database)]);
      const [there] = await destination.look<{ publication: boolean; slot: boolean; active: boolean; walStatus: string | null }>(
        `select exists (select from pg_publication where pubname = $1) as publication, s.slot_name is not null as slot,
                coalesce(s.active, false) as active, s.wal_status as "walStatus"
         from (select 1) one left join pg_replication_slots s on s.slot_name = $1`,
        [name],
      );
      const [here] = await source.look<{ enabled: boolean; held: boolean }>(
        `select subenabled as enabled, coalesce(subslotname = $2, false) as held from pg_subscription s join pg_database d on d.oid = s.subdbid where subname = $1 and d.datname = current_database()`,
        [name, holdSlot(name)],
      );
      return {
        database,
        name,
        publication: there?.publication ?? false,
        slot: there?.slot ?? false,
        active: there?.active ?? false,
        walStatus: there?.walStatus ?? undefined,
        subscription: here === undefined ? 'none' : here.enabled ? 'enabled' : 'disabled',
        held: here?.held ?? false,
      } as const;
    }),
  );
}

export function isArmed({ publication, slot, active, subscription, walStatus }: WayBackLook): boolean {
  return publication && slot && active && subscription === 'enabled' && walStatus !== 'lost';
}

/**
 * Arms the replication from the new server to the old one, in each database: publication before slot (pgoutput reads the
 * publication as it was at each change), slot before the first write, subscription without a copy. `joined` is called with the
 * owners' roles that the bot's user joins on the old server: changes are applied with its rights.
 * A forward slot of the migration that is still read from: NeedsHuman `way-back.loop`. What exists already is kept.
 */
export async function armWayBack(request: WayBackRequest, joined: (roles: readonly string[]) => Promise<void>): Promise<void> {
  const { postgres } = request;
  const source = await postgres.database('source', 'postgres');
  const [forward] = await source.look<{ slot: string }>(
    `select slot_name::text as slot from pg_replication_slots where plugin = 'pglogical_output' and active`,
  );
  if (forward)
    throw new NeedsHuman(
      'way-back.loop',
      `The migration still reads from slot ${forward.slot} of the source: every change would go round in a circle.`,
      {
        remedy: 'Wait until the promotion has ended it, then press Retry.',
      },
    );
  await allowReplication(postgres, 'destination', request.user);
  for (const look of await lookAtWayBack(request)) {
    const there = await postgres.database('destination', look.database);
    const here = await postgres.database('source', look.database);
    const name = identifier(look.name);
    if (!look.publication) await there.patched(`create publication ${name} for all tables with (publish_via_partition_root = true)`);
    if (!look.slot) await createSlot(request, look.database, look.name);
    const owners = await ownersToJoin(here);
    if (owners.length > 0) await joined(owners);
    await join(here, owners);
    if (look.subscription === 'none') {
      const options = ['create_slot = false', `slot_name = ${literal(look.name)}`, 'copy_data = false', 'enabled = false'];
      // From 16 on the old server can ask for changes without an origin only: what came from it never comes back.
      if ((await majorVersion(here)) >= 16) options.push('origin = none');
      const connection = conninfo(await postgres.address('destination'), look.database, request);
      await here.patched(`create subscription ${name} connection ${literal(connection)} publication ${name} with (${options.join(', ')})`);
    }
    if (look.subscription !== 'enabled') await here.patched(`alter subscription ${name} enable`);
  }
}

/** Takes it down: subscription first, or it would complain for ever about a slot that is gone. Harmless on what is not there. */
export async function disarmWayBack(request: WayBackRequest): Promise<void> {
  for (const look of await lookAtWayBack(request)) {
    const name = identifier(look.name);
    const there = await request.postgres.database('destination', look.database);
    if (look.subscription !== 'none') await dropSubscription(await request.postgres.database('source', look.database), look.name);
    if (look.slot) await dropSlotAs(request, 'destination', look.database, look.name);
    if (look.publication) await there.patched(`drop publication if exists ${name}`);
  }
}

/** Without its slot: dropping both at once needs the other server to answer. */
export async function dropSubscription(sql: Sql, name: string): Promise<void> {
  const quoted = identifier(name);
  await sql.patched(`alter subscription ${quoted} disable`);
  await sql.patched(`alter subscription ${quoted} set (slot_name = none)`);
  await sql.patched(`drop subscription ${quoted}`);
}

/** The way back's user reads from a server's WAL. Users made by the API do not have REPLICATION. */
export async function allowReplication(postgres: Postgres, side: Side, user: string): Promise<void> {
  const sql = await postgres.database(side, 'postgres');
  const [role] = await sql.look<{ replication: boolean }>('select rolreplication as replication from pg_roles where rolname = $1', [user]);
  if (role && !role.replication) await sql.patched(`alter role ${identifier(user)} with replication`);
}

/** As the way back's user: a slot needs REPLICATION, which `postgres` does not have on Cloud SQL. */
export async function createSlot(
  { postgres, user, password }: Pick<WayBackRequest, 'postgres' | 'user' | 'password'>,
  database: string,
  name: string,
  side: Side = 'destination',
): Promise<void> {
  const session = await postgres.login(side, database, user, password);
  try {
    await session.change(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [name]);
  } finally {
    await session.end();
  }
}

/** As the way back's user, too. */
export async function dropSlotAs(
  { postgres, user, password }: Pick<WayBackRequest, 'postgres' | 'user' | 'password'>,
  side: Side,
  database: string,
  name: string,
): Promise<void> {
  const session = await postgres.login(side, database, user, password);
  try {
    await dropSlot(session, name);
  } finally {
    await session.end();
  }
}

/** Owners of the tables that the bot's user cannot write yet: the apply needs every right, TRUNCATE included. */
async function ownersToJoin(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.look<{ owner: string }>(
    `select distinct pg_get_userbyid(c.relowner)::text as owner from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and c.relpersistence = 'p' and n.nspname !~ '^(pg_|pglogical|pgupgrade)' and n.nspname <> 'information_schema'
       and not (select bool_and(has_table_privilege(c.oid, p)) from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p)`,
  );
  return notYetMemberOf(
    sql,
    rows.map(({ owner }) => owner),
  );
}

/**
 * How the one server reaches the other. `sslmode=require` encrypts and does not check the CA: verify-ca needs a file
 * with it on the connecting server, and Cloud SQL gives none.
 */
export function conninfo(
  address: Address,
  database: string,
  { user, password }: { readonly user: string; readonly password: string },
): string {
  const value = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return [
    `host=${value(address.host)}`,
    `port=${address.port}`,
    `dbname=${value(database)}`,
    `user=${value(user)}`,
    `password=${value(password)}`,
    'sslmode=require connect_timeout=10 application_name=pgupgrade_wayback',
  ].join(' ');
}
