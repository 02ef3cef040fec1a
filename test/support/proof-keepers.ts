import { loadServices } from '../../src/config/load.ts';
import { targetOf } from '../../src/config/target.ts';
import type { RunHeader } from '../../src/engine/facts.ts';
import type { Begun } from '../../src/engine/proof.ts';
import type { Leg } from '../../src/engine/step.ts';
import type { Secrets } from '../../src/gcp/types.ts';
import { createProofKeeper } from '../../src/keep-proofs.ts';
import type { OpenClients, OpenedClients } from '../../src/open-clients.ts';
import type { Side } from '../../src/postgres/types.ts';
import { replicationConnections, validatorConnections } from '../../src/validator-connections.ts';
import { application, type Pair, passwords } from './cutover-pair.ts';

const header = { run: 'PG-1', uid: 'abcd1234', service: 'inapp', environment: 'staging', from: 15, to: 17 } as RunHeader;

/** Processes that keep the proof of one run between the two servers of a pair. `limits`: read whenever one begins to keep it. */
export async function proofKeepers(pair: Pair, limits: { maxRetainedWal: number }) {
  // On Cloud SQL the bot's user is made a member of the owners before.
  await pair.admin('source', 'inapp', `grant "${application}" to postgres`);
  await pair.admin('destination', 'inapp', `grant "${application}" to postgres with inherit true, set true`);
  const closers: (() => Promise<void>)[] = [];
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  const target = targetOf(service, 'staging');
  const addresses = async (side: Side) => ({ host: pair[side].host, port: pair[side].port, caCertificate: pair[side].serverCa });
  const secrets: Partial<Secrets> = {
    latest: async (name) => passwords[name === target.secrets['migration'] ? 'migration' : 'wayback'],
  };
  const open = (() => {
    const postgres = pair.bot('proof');
    const own = (side: Side) => validatorConnections(side, addresses, async () => passwords.postgres);
    const [source, destination] = [own('source'), own('destination')];
    const feed = (side: Side, user: 'migration' | 'wayback') =>
      replicationConnections(side, addresses, { user, password: async () => passwords[user] });
    const opened: Partial<OpenedClients> = {
      clients: {
        target: {
          ...target,
          databases: { inapp: target.databases['inapp'] ?? { schemas: [], owner: '' } },
          validation: { ...target.validation, proof: { ...limits, throttle: 100 } },
        },
        postgres,
        secrets: secrets as Secrets,
      } as unknown as OpenedClients['clients'],
      proofConnections: {
        factories: { source, destination },
        feeds: { source: feed('source', 'migration'), destination: feed('destination', 'wayback') },
      },
      close: async () => {
        await Promise.all([source.close(), destination.close()]);
      },
    };
    return opened as OpenedClients;
  }) as OpenClients;

  return {
    /** A process that keeps proofs, and what its steps see. */
    process() {
      const keeper = createProofKeeper(open);
      const opened = open(header, {} as never);
      closers.push(() => keeper.keepOnly(new Set()));
      return { keeper, clients: { ...opened.clients, proof: keeper.of(header, opened) } };
    },
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

/** What a step writes down of a proof. */
export function proofLedger(leg: Leg = 'upgrade') {
  const records = new Map<string, unknown>();
  return {
    uid: header.uid,
    leg,
    signal: new AbortController().signal,
    record: async (key: string, value: unknown) => void records.set(key, value),
    recall: <T>(key: string) => records.get(key) as T | undefined,
  };
}

/** As the log has it. */
export function begunOf(run: ReturnType<typeof proofLedger>): Begun {
  const record = run.recall<{ readonly since: number; readonly prints?: Begun['prints'] }>('proof');
  if (!record?.prints) throw new Error(JSON.stringify(record));
  return { header, leg: run.leg, step: 'begins', since: record.since, prints: record.prints, kept: undefined };
}
