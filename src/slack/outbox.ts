import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RunHeader } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import type { RunLog } from '../engine/ports.ts';
import type { RunbookShape, RunState } from '../engine/state.ts';
import { deliver } from './deliver.ts';
import { type DeliverTools, defaultPace, type Pace } from './delivery.ts';
import { createPauses } from './lanes.ts';
import { createOutboxStore } from './outbox-store.ts';
import { createPoster, type Poster, slackClients } from './poster.ts';
import { wantedMessages } from './project.ts';
import type { RunFace } from './render/face.ts';
import { renderLost } from './render/lost.ts';
import { findRehearsal, type Rehearsal } from './report/rehearsal.ts';

export interface OutboxOptions {
  readonly redis: Redis;
  readonly log: RunLog;
  readonly shape: RunbookShape;
  /** What messages say about a run beyond its log; `undefined` for a run whose service file is gone: it is not shown. */
  readonly faceOf: (header: RunHeader) => RunFace | undefined;
  readonly token: string;
  readonly slackApiUrl?: string;
  /** Literal values that must never be sent, beside what `redact` finds by itself. */
  readonly mask?: readonly string[];
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  readonly now?: () => number;
  /** Of every key in Redis, `pgupgrade`. */
  readonly prefix?: string;
  /** For tests: another way to Slack, other times. */
  readonly poster?: Poster;
  readonly pace?: Partial<Pace>;
  /** How often active runs are looked at without news: clocks, reminders, boards that a dead bot left behind. */
  readonly tickMs?: number;
  readonly leaseMs?: number;
}
export interface Outbox {
  /** Shows what is owed (within `withinMs`, 5 s), then stops and gives the leases back. */
  close(withinMs?: number): Promise<void>;
  /** Draws a run now; resolves when it was tried. */
  draw(run: string): Promise<void>;
}

const burstMs = 100;

/** The one writer of a run's messages in this process. */
interface Writer {
  busy: Promise<void> | undefined;
  again: boolean;
  timer: NodeJS.Timeout | undefined;
  /** Ended and completely shown: nothing is looked at until the log grows. */
  settled: boolean;
  /** What the log's beginning folds to, by its length: it never changes. */
  readonly folds: Map<number, RunState>;
  /** Looked for once: what an earlier run took does not change. */
  rehearsal: { readonly found: Rehearsal | undefined } | undefined;
  /** As it stood last, while it is under way: a log that is gone then was lost. */
  last: { readonly state: RunState; readonly face: RunFace } | undefined;
}

/**
 * Projects the logs to Slack: one board per run, its thread, its questions. Slack failing never touches a run: nothing
 * here throws into a caller, and what could not be sent is owed until it is.
 */
export async function startOutbox(options: OutboxOptions): Promise<Outbox> {
  const now = options.now ?? Date.now;
  const store = createOutboxStore(options.redis, {
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
  });
  const poster = options.poster ?? createPoster(slackClients(options.token, options.slackApiUrl), options.mask);
  const pace: Pace = { ...defaultPace, ...options.pace };
  const tools: DeliverTools = {
    store,
    poster,
    pace,
    pauses: createPauses(now),
    silence: { suspected: false },
    now,
    warn: options.warn,
    drawn: new Map(),
    troubles: new Map(),
  };
  const writers = new Map<string, Writer>();
  let closing = false;

  async function once(run: string, writer: Writer): Promise<number | undefined> {
    if (!(await store.lease(run))) return undefined;
    const facts = await options.log.read(run);
    const state = fold(facts, options.shape);
    if (!state.header) return await tellLost(run, writer);
    const face = options.faceOf(state.header);
    if (!face) return undefined;
    writer.last = state.endedAt === undefined ? { state, face } : undefined;
    const progress = await options.log.progress(run);
    const [wayBack, proof] = await Promise.all([options.log.wayBack(run), options.log.proof(run)]);
    writer.rehearsal ??= { found: await findRehearsal(options.log, options.shape, state.header) };
    const view = { state, facts, shape: options.shape, face, progress, wayBack, proof, earlier: writer.rehearsal.found, now: now() };
    const wanted = wantedMessages(view, (length) => {
      const then = writer.folds.get(length) ?? fold(facts.slice(0, length), options.shape);
      writer.folds.set(length, then);
      return then;
    });
    const mood = `${state.status} ${state.writesOffSince === undefined} ${state.promotionCalled}`;
    const active = state.endedAt === undefined;
    const wait = await deliver({ run, channel: state.header.channel, wanted, length: facts.length, mood, active, last: closing }, tools);
    writer.settled = wait === undefined && !active;
    return wait;
  }

  /** Once, by whichever bot is first; until Slack has taken it, it is tried again. */
  async function tellLost(run: string, writer: Writer): Promise<number | undefined> {
    const { last } = writer;
    if (!last?.state.header) return undefined;
    const key = `lost-${last.state.header.uid}`;
    if (!(await store.claim(run, key, { at: now(), repeat: false }))) return undefined;
    const outcome = await poster.post({
      channel: last.state.header.channel,
      broadcast: false,
      message: renderLost(last.state, last.face),
    });
    if (outcome.is === 'later') {
      await store.unclaim(run, key);
      return outcome.ms;
    }
    writer.last = undefined;
    options.warn({ run, posted: outcome.is }, 'Redis has lost the log of a run that was under way');
    return undefined;
  }

  async function work(run: string, writer: Writer): Promise<void> {
    let wait: number | undefined;
    do {
      writer.again = false;
      try {
        wait = await once(run, writer);
      } catch (error) {
        options.warn({ run, error: error instanceof Error ? error.message : String(error) }, 'the messages of a run could not be drawn');
        wait = 2_000;
      }
      // Facts come in bursts: what follows within this moment is drawn once.
      if (writer.again && !closing) await delay(burstMs);
    } while (writer.again && !closing);
    if (wait !== undefined && !closing) {
      clearTimeout(writer.timer);
      writer.timer = setTimeout(() => void poke(run), Math.min(Math.max(wait, 50), 30_000));
    }
  }

  function poke(run: string): Promise<void> {
    const writer = writers.get(run) ?? {
      busy: undefined,
      again: false,
      timer: undefined,
      settled: false,
      folds: new Map(),
      rehearsal: undefined,
      last: undefined,
    };
    writers.set(run, writer);
    writer.settled = false;
    if (writer.busy) {
      writer.again = true;
      return writer.busy;
    }
    writer.busy = work(run, writer).finally(() => {
      writer.busy = undefined;
    });
    return writer.busy;
  }

  /** Boards that another bot left behind, clocks, reminders; and reports that were never posted. */
  async function sweep(everything: boolean): Promise<void> {
    try {
      const runs = await options.log.runs();
      for (const [at, { run, active }] of runs.entries())
        if ((active || (everything && at < 20)) && !writers.get(run)?.busy) void poke(run);
      for (const [run, writer] of writers) if (writer.last && !runs.some((one) => one.run === run)) void poke(run);
    } catch (error) {
      options.warn({ error: error instanceof Error ? error.message : String(error) }, 'the runs could not be listed');
    }
  }

  const unwatch = await options.log.watch((run) => {
    if (!closing) void poke(run);
  });
  await sweep(true);
  const ticker = setInterval(() => void sweep(false), options.tickMs ?? pace.everyMs);

  return {
    draw: poke,
    close: async (withinMs = 5_000) => {
      closing = true;
      clearInterval(ticker);
      await unwatch();
      for (const writer of writers.values()) clearTimeout(writer.timer);
      const flush = [...writers]
        .filter(([, writer]) => !writer.settled)
        .map(([run, writer]) => (writer.busy ?? Promise.resolve()).then(() => poke(run)));
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([Promise.all(flush), late]);
      clearTimeout(timer);
      await Promise.allSettled([...writers.keys()].map((run) => store.release(run)));
    },
  };
}
