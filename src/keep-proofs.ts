import type { RunHeader } from './engine/facts.ts';
import type { Begun } from './engine/proof.ts';
import { NeedsHuman } from './errors.ts';
import type { Proved } from './jobs/proving.ts';
import type { OpenClients, OpenedClients } from './open-clients.ts';
import { sqlState } from './postgres/errors.ts';
import { bytesText } from './postgres/lag.ts';
import { dropProofSlots, endProofReaders, lookAtProofSlots, type ProofSlotsLook, proofSlots } from './postgres/proof-slots.ts';
import { wayBackName } from './postgres/way-back.ts';
import { someOf } from './validator/names.ts';
import { withPairs } from './validator/pairs.ts';
import { coverageOf } from './validator/proof/covered.ts';
import { DatabaseProof, type ProofState } from './validator/proof/database-proof.ts';
import type { AllPrints, Proof, TakenProof } from './validator/proof/types.ts';
import { slotsRequest } from './validator/run-proof.ts';
import type { Flow } from './validator/types.ts';
import { count, many } from './validator/units.ts';

/** A proof that this process keeps. */
interface Held {
  readonly since: number;
  readonly opened: OpenedClients;
  readonly closing: AbortController;
  readonly proofs: ReadonlyMap<string, DatabaseProof>;
  slots: (ProofSlotsLook & { readonly at: number }) | undefined;
}
/** SQLSTATE object_in_use: the slot has a reader. */
const slotInUse = '55006';
const slotsEveryMs = 5_000;

/** The proofs that this process keeps, by the run's uid. Steps and the rounds share them. */
export function createProofKeeper(open: OpenClients) {
  const held = new Map<string, Promise<Held>>();

  async function openProofs(header: RunHeader, begun: TakenProof): Promise<Held> {
    const closing = new AbortController();
    const opened = open(header, {
      guard: harmless,
      signal: closing.signal,
      applicationName: `pgupgrade-proof/${header.run}`,
      readOnly: false,
    });
    const { target } = opened.clients;
    const databases = Object.keys(target.databases);
    const started = await Promise.allSettled(
      databases.map(async (database) =>
        DatabaseProof.open({
          ...opened.proofConnections,
          database,
          slots: proofSlots(header.uid, databases, database),
          flow: flowOf(begun.leg, header.uid, databases),
          prints: begun.prints[database] ?? {},
          throttle: target.validation.proof.throttle,
        }),
      ),
    );
    const proofs = new Map(started.flatMap((one, i) => (one.status === 'fulfilled' ? [[databases[i] ?? '', one.value] as const] : [])));
    const failed = started.find((one) => one.status === 'rejected');
    const now: Held = { since: begun.since, opened, closing, proofs, slots: undefined };
    if (!failed) return now;
    await end(now);
    throw failed.reason;
  }

  /** Opened once, also when two ask for it at the same time. */
  function hold(header: RunHeader, begun: TakenProof): Promise<Held> {
    const known = held.get(header.uid);
    if (known) return known;
    const opening = openProofs(header, begun);
    held.set(header.uid, opening);
    opening.catch(() => {
      if (held.get(header.uid) === opening) held.delete(header.uid);
    });
    return opening;
  }

  async function release(uid: string): Promise<void> {
    const known = held.get(uid);
    held.delete(uid);
    const now = await known?.catch(() => undefined);
    if (now) await end(now);
  }

  return {
    async keep(begun: Begun, writing: boolean): Promise<Proved | undefined> {
      const { header } = begun;
      if (!held.has(header.uid) && !writing) return undefined;
      let now: Held;
      try {
        now = await hold(header, begun);
      } catch (error) {
        if (sqlState(error) === slotInUse) return undefined;
        return await lostOrAgain(open, begun, error);
      }
      // A proof that was begun anew has other slots of the same names.
      if (now.since !== begun.since) {
        await release(header.uid);
        return undefined;
      }
      try {
        await Promise.all([...now.proofs.values()].map((proof) => proof.round(writing)));
        return provedOf(now, begun, await slotsOf(now, begun));
      } catch (error) {
        await release(header.uid);
        throw error;
      }
    },

    async keepOnly(uids: ReadonlySet<string>): Promise<void> {
      await Promise.all([...held.keys()].filter((uid) => !uids.has(uid)).map(release));
    },

    /** The same proof, as a step of the run uses it. */
    of(header: RunHeader, opened: Pick<OpenedClients, 'proofConnections' | 'clients'>): Proof {
      return {
        async prints(databases) {
          const found: Record<string, AllPrints[string]> = {};
          for (const database of databases)
            await withPairs(opened.proofConnections.factories, database, 1, new AbortController().signal, async ([pair]) => {
              if (pair) found[database] = (await coverageOf(pair)).prints;
            });
          return found;
        },
        async take(begun) {
          const known = await held.get(header.uid)?.catch(() => undefined);
          if (known?.since === begun.since) return;
          if (known) await release(header.uid);
          await endProofReaders(await slotsRequest(opened.clients, { uid: header.uid, leg: begun.leg }));
          await hold(header, begun);
        },
        async settle(signal) {
          const now = await held.get(header.uid);
          if (!now) throw new NeedsHuman('proof.not-held', 'This process does not keep the proof.', { remedy: 'Press Retry.' });
          return Object.fromEntries(
            await Promise.all([...now.proofs].map(async ([database, proof]) => [database, await proof.settle(signal)] as const)),
          );
        },
        release: () => release(header.uid),
      };
    },
  };
}

/** The way back carries the changes of the new instance to the old one, each database's by a slot of its own. */
function flowOf(leg: string, uid: string, databases: readonly string[]): Flow {
  if (leg !== 'rollback') return { from: 'source' };
  return {
    from: 'destination',
    slots: Object.fromEntries(databases.map((database) => [database, [wayBackName(uid, databases, database)]])),
  };
}

/** Nothing that is changed here needs the run's lease: only the proof's own slots are dropped, and then there is no proof. */
async function harmless(): Promise<void> {}

async function end({ closing, proofs, opened }: Held): Promise<void> {
  await Promise.all([...proofs.values()].map((proof) => proof.close()));
  closing.abort(new Error('the proof is not kept here any more'));
  await opened.close();
}

async function slotsOf(now: Held, { header: { uid }, leg }: Begun): Promise<ProofSlotsLook> {
  if (now.slots && Date.now() - now.slots.at < slotsEveryMs) return now.slots;
  const { target, postgres } = now.opened.clients;
  now.slots = {
    ...(await lookAtProofSlots({
      postgres,
      uid,
      databases: Object.keys(target.databases),
      to: leg === 'rollback' ? 'source' : 'destination',
    })),
    at: Date.now(),
  };
  return now.slots;
}

async function provedOf(now: Held, begun: Begun, slots: ProofSlotsLook): Promise<Proved> {
  const { clients } = now.opened;
  const { maxRetainedWal } = clients.target.validation.proof;
  const states = [...now.proofs].map(([database, proof]) => [database, proof.state] as const);
  const sum = (of: (state: ProofState) => number) => states.reduce((all, [, state]) => all + of(state), 0);
  const whole = states.flatMap(([, state]) => state.whole);
  const text = [
    `every row equal but ${many(
      sum(({ openKeys }) => openKeys),
      'open row',
    )}`,
    ...(whole.length > 0 ? [`${many(whole.length, 'table')} compared as a whole again (${someOf(whole)})`] : []),
    `${count(sum(({ rechecked }) => rechecked))} read again so far`,
    `WAL kept ${bytesText(slots.retainedBytes)} of at most ${bytesText(maxRetainedWal)}`,
  ].join(' · ');
  const prints = Object.fromEntries(states.map(([database, state]) => [database, state.prints]));
  const differing = states.flatMap(([, state]) => state.differing);
  const base = {
    text,
    prints,
    differing,
    problems: states.flatMap(([database, state]) => problemsOf(database, state, slots, maxRetainedWal)),
  };
  if (slots.lost !== undefined) return { ...base, lost: slots.lost };
  if (slots.retainedBytes <= maxRetainedWal) return base;
  for (const proof of now.proofs.values()) await proof.close();
  await dropProofSlots(await slotsRequest(clients, { uid: begun.header.uid, leg: begun.leg }));
  return {
    ...base,
    lost: `its slots kept ${bytesText(slots.retainedBytes)} of WAL on the ${slots.retainedOn}, more than validation.proof.maxRetainedWal; they are dropped`,
  };
}

function problemsOf(
  database: string,
  { differing, writtenTo, uncovered }: ProofState,
  slots: ProofSlotsLook,
  most: number,
): readonly string[] {
  return [
    ...differing.map(
      (table) =>
        `rows of ${table} (database ${database}) differ, and replication does not mend them: \`/pgupgrade diff ${table}\` shows which`,
    ),
    ...writtenTo.map(
      (table) =>
        `somebody else than the replication wrote to ${table} (database ${database}) of the instance that only follows; its rows are compared again`,
    ),
    ...(uncovered.length > 0 ? [`no feed covers ${someOf(uncovered)} (database ${database}): compared as a whole in the write stop`] : []),
    ...(slots.retainedBytes > most / 2
      ? [`the proof keeps more than ${bytesText(most / 2)} of WAL on the ${slots.retainedOn}; at ${bytesText(most)} it is given up`]
      : []),
  ];
}

/** The slots are gone for good, or the servers could just not be asked. */
async function lostOrAgain(open: OpenClients, begun: Begun, error: unknown): Promise<Proved> {
  const closing = new AbortController();
  const { header } = begun;
  const opened = open(header, {
    guard: harmless,
    signal: closing.signal,
    applicationName: `pgupgrade-proof/${header.run}`,
    readOnly: true,
  });
  try {
    const { postgres, target } = opened.clients;
    const { lost } = await lookAtProofSlots({
      postgres,
      uid: header.uid,
      databases: Object.keys(target.databases),
      to: begun.leg === 'rollback' ? 'source' : 'destination',
    });
    if (lost === undefined) throw error;
    return { text: '', differing: [], problems: [], prints: begun.prints, lost };
  } finally {
    await opened.close();
  }
}
