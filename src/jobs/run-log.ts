import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { endsRun, type FactBody, needsLease } from '../engine/facts.ts';
import type { Lock, Place, ProofLook, RunLog, WayBackLook } from '../engine/ports.ts';
import { Fatal } from '../errors.ts';
import { factReaders } from './fact-readers.ts';
import type { Keys } from './redis.ts';
import { appendScript, lockScript, startScript, unlockScript } from './scripts.ts';
import { watchChanges } from './watch.ts';

type Listed = Omit<Awaited<ReturnType<RunLog['runs']>>[number], 'active'>;

/** The run log on Redis: a list of facts a run, compare-and-append in Lua. `close` ends its subscription. */
export function createRunLog(redis: Redis, keys: Keys): RunLog & { close(): Promise<void> } {
  const changes = watchChanges(redis, keys.changes);
  const readers = factReaders(redis, keys);
  return {
    async start(header) {
      const { service, environment, uid } = header;
      const [how, said] = texts(
        await redis.eval(
          startScript,
          4,
          keys.counter,
          keys.claims,
          keys.index,
          keys.locks,
          `${service}/${environment}`,
          uid,
          JSON.stringify(header),
          service,
          environment,
          keys.changes,
          keys.log(''),
        ),
      );
      if (said === undefined) throw new Fatal('log.start', `Redis gave no name for the run of ${service} ${environment}.`);
      if (how === 'locked') return { locked: JSON.parse(said) as Lock };
      return how === 'started' ? { started: said } : { heldBy: said };
    },
    read: readers.read,
    async append(run, seen, facts, token) {
      if (facts.length === 0) return 'appended';
      if (token === undefined && facts.some(isOwned)) return 'not-owner';
      const claim = facts.some(endsRun) ? 'release' : facts.some(({ type }) => type === 'leg.begun') ? 'take' : 'keep';
      const answer = await redis.eval(
        appendScript,
        4,
        keys.log(run),
        keys.appended(run),
        keys.lease(run),
        keys.claims,
        String(seen),
        token === undefined ? '' : String(token),
        randomUUID(),
        run,
        keys.changes,
        claim,
        ...facts.map((fact) => JSON.stringify(fact)),
      );
      const [how, holder] = texts(answer);
      if (how === 'held' && holder !== undefined) return { heldBy: holder };
      if (answer === 'appended' || answer === 'stale' || answer === 'not-owner') return answer;
      throw new Fatal('log.append', `Redis answered ${String(answer)} to an append to ${run}.`);
    },
    async runs() {
      const [lines, claims] = await Promise.all([redis.lrange(keys.index, 0, -1), redis.hgetall(keys.claims)]);
      return lines.map((line) => {
        const listed = JSON.parse(line) as Listed;
        return { ...listed, active: claims[`${listed.service}/${listed.environment}`] === listed.run };
      });
    },
    async lock(place, lock) {
      const [mine, said = ''] = texts(await redis.eval(lockScript, 1, keys.locks, nameOf(place), JSON.stringify(lock)));
      return { mine: mine === '1', lock: JSON.parse(said) as Lock };
    },
    async unlock(place) {
      const before = await redis.eval(unlockScript, 1, keys.locks, nameOf(place));
      return typeof before === 'string' ? (JSON.parse(before) as Lock) : undefined;
    },
    async locks() {
      const all = await redis.hgetall(keys.locks);
      return new Map(Object.entries(all).map(([place, said]) => [place, JSON.parse(said) as Lock]));
    },
    async setProgress(run, step, progress) {
      await redis.set(keys.progress(run), JSON.stringify({ ...progress, step, at: Date.now() }));
      await redis.publish(keys.changes, run);
    },
    async progress(run) {
      const line = await redis.get(keys.progress(run));
      return line === null ? undefined : (JSON.parse(line) as Awaited<ReturnType<RunLog['progress']>>);
    },
    async setWayBack(run, look) {
      await redis.set(keys.wayBack(run), JSON.stringify(look));
      await redis.publish(keys.changes, run);
    },
    async wayBack(run) {
      const line = await redis.get(keys.wayBack(run));
      return line === null ? undefined : (JSON.parse(line) as WayBackLook);
    },
    async setProof(run, look) {
      await redis.set(keys.proof(run), JSON.stringify(look));
      await redis.publish(keys.changes, run);
    },
    async proof(run) {
      const line = await redis.get(keys.proof(run));
      return line === null ? undefined : (JSON.parse(line) as ProofLook);
    },
    watch: changes.watch,
    close: changes.close,
  };
}

function nameOf({ service, environment }: Place): string {
  return `${service}/${environment}`;
}

function isOwned(fact: FactBody): boolean {
  return fact.type in needsLease;
}

function texts(answer: unknown): readonly string[] {
  return Array.isArray(answer) ? answer.map(String) : [];
}
