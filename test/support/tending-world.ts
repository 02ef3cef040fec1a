import { vi } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import type { WayBackLook } from '../../src/engine/ports.ts';
import type { RunState } from '../../src/engine/state.ts';
import type { CloudSql, Secrets } from '../../src/gcp/types.ts';
import { createPostgres, type PostgresConnections } from '../../src/postgres/connect.ts';
import { armWayBack, isArmed, lookAtWayBack, wayBackName } from '../../src/postgres/way-back.ts';
import { createWayBackTender } from '../../src/tend-way-back.ts';
import { createValidator } from '../../src/validator/compare.ts';
import { application, openPair, type Pair, passwords } from './cutover-pair.ts';

const uid = 'abcd1234';
export const name = wayBackName(uid, ['inapp'], 'inapp');

/** An old and a new server with the way back armed between them, and the upkeep's rounds. */
export async function openTendingWorld(schema: string) {
  const pair: Pair = await openPair();
  const sides = ['source', 'destination'] as const;
  for (const side of sides) {
    const owner = await pair.as(side, 'inapp', application);
    await owner.query(schema);
    await owner.end();
  }
  const bot = pair.bot('arm');
  const request = { postgres: bot, uid, databases: ['inapp'], user: 'wayback', password: passwords.wayback };
  await armWayBack(request, async () => undefined);
  const armed = async () => {
    if (!(await lookAtWayBack(request)).every(isArmed)) throw new Error('not armed yet');
  };
  await vi.waitFor(armed, { timeout: 20_000 });
  await bot.close();

  const services = await loadServices('services');
  const service = services.get('inapp');
  if (!service) throw new Error('no service file');
  const target: Target = targetOf(service, 'staging');
  const connections = (side: (typeof sides)[number]) => ({
    open: (database: string) => pair.as(side, database, 'postgres', passwords.postgres, 'pgupgrade/validator'),
  });
  const validator = createValidator({ source: connections('source'), destination: connections('destination') });
  const tend = createWayBackTender();
  const gaps = new Set<string>();
  let before: WayBackLook | undefined;

  function connect(guard: () => Promise<void>): PostgresConnections {
    const of = (side: 'source' | 'destination') => (side === 'source' ? pair.source : pair.destination);
    return createPostgres({
      addresses: async (side) => ({ host: of(side).host, port: of(side).port, caCertificate: of(side).serverCa }),
      password: async () => passwords.postgres,
      applicationName: 'pgupgrade-way-back/PG-1',
      guard,
      patchedRole: 'cloudsqlpatched',
      signal: new AbortController().signal,
    });
  }

  return {
    pair,
    connect,
    armed,
    /** One round, as a worker makes it. `diskGb`: of the new instance. */
    async round(options: { readonly maxRetainedWal?: number; readonly diskGb?: number; readonly guard?: () => Promise<void> } = {}) {
      const postgres = connect(options.guard ?? (async () => undefined));
      const secrets: Partial<Secrets> = { latest: async () => passwords.wayback };
      const cloudSql: Partial<CloudSql> = { instance: async () => ({ settings: { dataDiskSizeGb: String(options.diskGb ?? 100) } }) };
      const state: Partial<RunState> = { records: new Map(), wayBack: { warnings: [], gaps: [...gaps], lost: undefined, over: false } };
      try {
        const tended = await tend({
          clients: {
            target: { ...target, wayBack: { days: 7, maxRetainedWal: options.maxRetainedWal ?? 1e9 } },
            postgres,
            validator,
            secrets: secrets as Secrets,
            cloudSql: cloudSql as CloudSql,
          },
          uid,
          state: state as RunState,
          before,
          signal: new AbortController().signal,
        });
        before = tended.look;
        for (const gap of tended.gaps) gaps.add(gap);
        return tended;
      } finally {
        await postgres.close();
      }
    },
    async onNew(text: string): Promise<void> {
      const owner = await pair.as('destination', 'inapp', application);
      await owner.query(text);
      await owner.end();
    },
    /** Every row of a table as two numbers. */
    sum: (side: 'source' | 'destination', table: string) =>
      pair.admin(side, 'inapp', `select count(*)::int as n, coalesce(sum(hashtext(t::text)::bigint), 0)::text as h from ${table} t`),
  };
}
export type TendingWorld = Awaited<ReturnType<typeof openTendingWorld>>;
