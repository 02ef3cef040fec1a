import { setTimeout as pause } from 'node:timers/promises';
import type { DatabaseProof } from '../../src/validator/proof/database-proof.ts';
import { proofIn } from './proof-world.ts';
import { underLoad } from './validator-moving.ts';
import type { ClusterWorld } from './validator-world.ts';

interface Injection {
  readonly side: 'source' | 'destination';
  readonly make: string;
  readonly mend: string;
}
type Random = () => number;

/** What is changed behind the replication's back; `n` is another one each time, and no writer goes there (but to toggle 1). */
const injections: readonly ((n: number) => Injection)[] = [
  (n) => {
    const id = 70_000 + (n % 30_000);
    return dest(`update account set balance = ${id}.0 where id = ${id}`, `update account set balance = ${id} where id = ${id}`);
  },
  (n) => {
    const id = 70_000 + (n % 30_000);
    return dest(`delete from account where id = ${id}`, `insert into account values (${id}, ${id}, 'a${id}') on conflict do nothing`);
  },
  (n) => dest(`insert into account values (${5_000_000 + n}, 1, null)`, `delete from account where id = ${5_000_000 + n}`),
  (n) => {
    const id = 70_000 + (n % 30_000);
    return dest(`update account set id = ${7_000_000 + n} where id = ${id}`, `update account set id = ${id} where id = ${7_000_000 + n}`);
  },
  (n) => dest(`insert into toggle values (${1_000 + n}, 'B')`, `delete from toggle where id = ${1_000 + n}`),
  // A row that moves all the time: replication writes over it, or it does not.
  () => dest(`update toggle set v = 'C' where id = 1`, `update toggle set v = v where id = 1`),
  (n) => {
    const key = 5_000 + (n % 10_000);
    return dest(`update token set n = -7 where id = md5('${key}')::uuid`, `update token set n = ${key} where id = md5('${key}')::uuid`);
  },
  (n) => {
    const i = 5_000 + (n % 5_000);
    const row = `${1 + (i % 2)}, 'n${i}', '2024-01-01'`;
    return dest(`delete from pairs where name = 'n${i}'`, `insert into pairs values (${row}) on conflict do nothing`);
  },
  // Nothing carries this table, as a partition that was made since and that nobody told the replication of.
  (n) => ({ side: 'source', make: `insert into left_out values (${n})`, mend: `delete from left_out where id = ${n}` }),
  (n) => dest(`insert into journal (n) values (-${n})`, `delete from journal where n = -${n}`),
];
const dest = (make: string, mend: string): Injection => ({ side: 'destination', make, mend });

/** The same numbers for the same seed. */
function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Interleaving {
  readonly seed: number;
  /** Tables that differ and of which the proof said nothing, and tables of which it said so and that are equal. */
  readonly missed: readonly string[];
  readonly false: readonly string[];
  /** Tables that differed in the end. */
  readonly differing: readonly string[];
}

/**
 * Begins a proof under load, makes a few differences at random moments of its life (before, during and after the comparison, with and
 * without a process that dies, before and after the last change has arrived), stops the writers, settles, and asks a comparison of
 * every row at rest who is right.
 */
export async function interleave(world: ClusterWorld, seed: number): Promise<Interleaving> {
  const random = randomOf(seed);
  const proofs = proofIn(world);
  const done: Injection[] = [];
  const inject = async () => {
    const make = injections[Math.floor(random() * injections.length)];
    const injection = make?.(seed * 16 + done.length);
    if (!injection) return;
    done.push(injection);
    await world.on(injection.side, injection.make);
  };
  // When: 0 during the comparison, 1 while rounds are made, 2 before the last change has arrived, 3 after it.
  const moments = Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * 4));
  const at = async (moment: number) => {
    for (const one of moments) if (one === moment) await inject();
  };
  let proof: DatabaseProof | undefined;
  try {
    const { result: verdict } = await underLoad(world, 150 + Math.floor(random() * 400), async () => {
      const prints = await proofs.begin();
      const comparing = world.compare({ live: true, sequences: false, parts: 'rows' });
      await pause(random() * 150);
      await at(0);
      const compared = await comparing;
      proof = await proofs.open(prints);
      for (let round = Math.floor(random() * 4); round >= 0; round--) {
        await proof.round();
        await pause(random() * 200);
        if (round === 1) await at(1);
        if (random() < 0.4) {
          // A process that dies confirms nothing; the next one begins where the server is.
          await proof.close();
          proof = await proofs.open(prints);
        }
      }
      if (!moments.includes(1)) await proof.round();
      else await at(1);
      await at(2);
      return compared;
    });
    await proofs.drain();
    await at(3);
    await proofs.drain();
    const settled = await (proof as DatabaseProof).settle(AbortSignal.timeout(20_000));
    const truth = await world.compare({ parts: 'rows' });
    const differing = truth.tables.filter(({ equal }) => !equal).map(({ table }) => table);
    const scanned = verdict.tables.filter(({ equal }) => !equal).map(({ table }) => table);
    const told = new Set([...settled.unequal, ...settled.whole, ...scanned]);
    return {
      seed,
      differing,
      missed: differing.filter((table) => !told.has(table)),
      false: settled.unequal.filter((table) => !differing.includes(table)),
    };
  } finally {
    await proof?.close();
    await proofs.drop();
    for (const { side, mend } of done.reverse()) await world.on(side, mend);
    // What a row that moves was left as by the injection.
    const [toggle] = await world.on('source', 'select v from toggle where id = 1');
    await world.on('destination', `update toggle set v = '${toggle?.['v']}' where id = 1`);
  }
}
