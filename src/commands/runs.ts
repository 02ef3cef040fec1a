import type { Service } from '../config/schema.ts';
import type { Decision } from '../engine/approvals.ts';
import { commit } from '../engine/commit.ts';
import type { Fact, FactBody, RunHeader } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import type { RunState } from '../engine/state.ts';
import { Refused } from '../errors.ts';
import type { Reply } from '../slack/handlers.ts';
import { mentions, safe } from '../slack/render/text.ts';
import type { CommandContext } from './context.ts';
import { type Invocation, nearest } from './parse.ts';

export interface ChosenRun {
  readonly run: string;
  readonly service: Service;
  readonly state: RunState;
  readonly facts: readonly Fact[];
  readonly header: RunHeader;
  /** What was typed behind the run's name. */
  readonly rest: readonly string[];
}

/** The run that is meant: named (`PG-1`), by environment, or the only unfinished one of this channel. */
export async function chooseRun(
  context: CommandContext,
  invocation: Invocation,
  options: { readonly ended?: boolean } = {},
): Promise<ChosenRun> {
  const [first = '', ...others] = invocation.words;
  const all = await context.log.runs();
  const named = /^[a-z]+-\d+$/i.test(first) ? first.toUpperCase() : undefined;
  if (named !== undefined) {
    if (!all.some((one) => one.run === named))
      throw new Refused('run.unknown', `There is no run ${named}.${all.length ? ` The latest is ${all[0]?.run}.` : ''}`);
    return read(context, named, others);
  }
  const here = all.filter((one) => context.channel === undefined || context.services.get(one.service)?.channel === context.channel);
  const [service, environment] = first.includes('/') ? first.split('/') : [undefined, first];
  const isPlace = placesOf(context).some(
    (place) => place.environment === environment && (service === undefined || place.service === service),
  );
  const pool = isPlace ? here.filter((one) => one.environment === environment && (service === undefined || one.service === service)) : here;
  const rest = isPlace ? others : invocation.words;
  if (!isPlace) refuseTypo(context, first);
  const open = pool.filter((one) => one.active);
  const candidates = open.length || !options.ended ? open : pool.slice(0, 1);
  const [only, second] = candidates;
  if (!only)
    throw new Refused(
      'run.none',
      `${isPlace ? `No run of ${safe(first)} is unfinished` : 'Nothing is running here'}; nothing was changed. Start with \`/pgupgrade start <environment>\`, or see \`/pgupgrade list\`.`,
    );
  if (second)
    throw new Refused(
      'run.which',
      `Which one? ${candidates.map((one) => `${one.run} (${one.service} ${one.environment})`).join(', ')}: name it.`,
    );
  return read(context, only.run, rest);
}

/** The environments that can be named here. */
function placesOf(context: CommandContext): readonly { readonly service: string; readonly environment: string }[] {
  return [...context.services.values()]
    .filter((service) => context.channel === undefined || service.channel === context.channel)
    .flatMap((service) => Object.keys(service.environments).map((environment) => ({ service: service.service, environment })));
}

/** A misspelt environment must not become the reason of a change to another one. */
function refuseTypo(context: CommandContext, word: string): void {
  const known = [...new Set(placesOf(context).map(({ environment }) => environment))];
  const meant = word.length >= 4 && !word.includes(' ') ? nearest(word.toLowerCase(), known) : undefined;
  if (meant !== undefined)
    throw new Refused('environment.unknown', `There is no environment “${safe(word)}”; did you mean \`${meant}\`? Nothing was changed.`);
}

async function read(context: CommandContext, run: string, rest: readonly string[]): Promise<ChosenRun> {
  const facts = await context.log.read(run);
  const state = fold(facts, context.shape);
  if (!state.header) throw new Refused('run.unknown', `There is no run ${run}.`);
  const service = context.services.get(state.header.service);
  if (!service)
    throw new Refused(
      'service.unknown',
      `${run} belongs to the service ${state.header.service}, whose file is gone; put it back to go on.`,
    );
  return { run, service, state, facts, header: state.header, rest };
}

/** Decides on the newest state, appends, and queues what is owed then. A lost race is read and decided again. */
export async function change(context: CommandContext, run: string, decide: (state: RunState) => Decision): Promise<Reply> {
  // Decided as often as the race is lost; the last decision is the one that counts.
  const last: { decision?: Decision } = {};
  await commit({ log: context.log, shape: context.shape, run }, (state): readonly FactBody[] | undefined => {
    last.decision = decide(state);
    return last.decision.kind === 'facts' ? last.decision.facts : undefined;
  });
  const decision = last.decision;
  if (!decision || decision.kind === 'refused')
    throw new Refused(decision?.code ?? 'nothing', mentions(decision?.message ?? 'Nothing was changed.'));
  return { text: `${mentions(decision.message)}${await advance(context, run)}` };
}

/** The fact stands whatever happens here: what a run owes is also found by the worker's own look every few seconds. */
export async function advance(context: CommandContext, run: string): Promise<string> {
  try {
    await context.dispatcher.advance(run);
    return '';
  } catch {
    return ' The queue did not answer; the worker finds it by itself within seconds.';
  }
}
