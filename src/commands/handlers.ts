import { Refused } from '../errors.ts';
import type { Answer, Handlers, Pressed, Submitted } from '../slack/handlers.ts';
import { disconnectThese } from '../slack/render/disconnect.ts';
import { isOptional, renderModal, renderWindow, restartCopyAsked } from '../slack/render/modals.ts';
import { checkArguments } from './arguments.ts';
import type { CommandContext } from './context.ts';
import { type Invocation, parse, type Question } from './parse.ts';
import { knownVerb, valuedFlags } from './table.ts';

/** Runs what was typed. Nothing typed: the status if something runs here, else the help. An unknown verb is answered with the nearest. */
export async function runVerb(context: CommandContext, invocation: Invocation): Promise<Answer> {
  const name = invocation.verb || ((await context.log.runs()).some((run) => run.active) ? 'status' : 'help');
  const verb = knownVerb(name);
  checkArguments(verb, invocation);
  return verb.run(context, invocation);
}

/** `<run>:<gate>:<nonce>` (a gate may be `undo:<step>`), `<run>:<step>` or `<run>`. */
function partsOf(value: string): { readonly run: string; readonly rest: readonly string[] } {
  const [run = '', ...rest] = value.split(':');
  return { run, rest };
}
function questionOf(rest: readonly string[]): Question {
  return { gate: rest.slice(0, -1).join(':'), nonce: rest.at(-1) ?? '' };
}

/** A button or a modal as the verb that it stands for. `undefined`: of an older version of the bot. */
function invocationOf(pressed: Pressed, values: Submitted['values']): Invocation | undefined {
  const { run, rest } = partsOf(pressed.value);
  const reason = values['reason'] ?? '';
  const say = (verb: string, words: readonly string[] = []): Invocation => ({ verb, words: [run, ...words], flags: {} });
  const answer = (verb: string, words: readonly string[] = []): Invocation => ({ ...say(verb, words), question: questionOf(rest) });
  switch (pressed.action) {
    case 'run:start':
      return started(values);
    case 'gate:approve':
      return answer('approve');
    case 'gate:reject':
      return answer('reject', [reason]);
    case 'gate:recheck':
      return answer('recheck');
    case 'gate:withdraw':
      return answer('withdraw');
    case 'gate:again':
      return answer('ask-again');
    case 'task:done':
    case 'task:answer':
      return say('done', [...rest, values['answer'] ?? '']);
    case 'run:pause':
      return say('pause');
    case 'run:resume':
      return say('resume');
    case 'run:handoff':
      return say('handoff', [values['to'] ?? '']);
    case 'run:note':
      return say('note', [values['text'] ?? '']);
    case 'run:retry':
      return say('retry', rest);
    case 'run:disconnect':
    case disconnectThese: {
      const [, failure = '', ...pids] = rest;
      return { ...say('disconnect', pids), failure: Number(failure) };
    }
    case 'run:skip':
      return say('skip', [...rest, reason]);
    case 'run:abort':
      return say('abort', [reason]);
    case 'run:restart-copy':
      return say('restart-copy');
    case restartCopyAsked:
      return say('restart-copy', [reason]);
    case 'run:rollback':
      return say('rollback', [reason]);
    case 'run:validate':
      return say('validate');
    case 'run:retire':
      return say('retire');
    default:
      return undefined;
  }
}

/** What the form of `start` says, as it would be typed; what was left empty is not said. */
function started(values: Submitted['values']): Invocation {
  const flags = Object.fromEntries(['to', 'at', 'override'].flatMap((name) => (values[name] ? [[name, values[name]] as const] : [])));
  return { verb: 'start', words: [values['environment'] ?? ''], flags };
}

/** Everything that the channel can call, on one table of verbs. `contextOf` binds a person and a place. */
export function createHandlers(contextOf: (who: Pick<CommandContext, 'actor' | 'channel'>) => CommandContext): Handlers {
  const act = (pressed: Pressed, values: Submitted['values']) => {
    const invocation = invocationOf(pressed, values);
    if (!invocation)
      throw new Refused(
        'button.unknown',
        'This button is from another version of the bot; use the newest message of the run, or `/pgupgrade status`.',
      );
    return runVerb(contextOf(pressed), invocation);
  };
  return {
    command: async ({ actor, channel, text }) => runVerb(contextOf({ actor, channel }), parse(text, valuedFlags)),
    button: async (pressed) => {
      const expects = pressed.action === 'task:answer' ? await expectation(contextOf(pressed), pressed.value) : undefined;
      if (pressed.action === 'run:status') return await steps(contextOf(pressed), pressed.value);
      const modal = renderModal({ action: pressed.action, value: pressed.value, channel: pressed.channel }, expects);
      return modal ? { modal } : act(pressed, {});
    },
    problems: ({ action, value, values }) => {
      const problems: Record<string, string> = {};
      for (const [field, text] of Object.entries(values))
        if (text === '' && !isOptional(action, field)) problems[field] = 'Please fill this in.';
      const { run } = partsOf(value);
      if ((action === 'run:abort' || action === 'run:rollback' || action === restartCopyAsked) && values['typed']?.toUpperCase() !== run)
        problems['typed'] = `Type ${run}, the name of the run.`;
      return problems;
    },
    submit: async (submitted) => act(submitted, submitted.values),
  };
}

async function steps(context: CommandContext, value: string): Promise<Answer> {
  const { run } = partsOf(value);
  const answer = await runVerb(context, { verb: 'status', words: [run], flags: {} });
  return 'modal' in answer || !answer.blocks ? answer : { modal: renderWindow(`Steps of ${run}`, answer.blocks) };
}

async function expectation(context: CommandContext, value: string): Promise<string | undefined> {
  const { run, rest } = partsOf(value);
  const asked = (await context.log.read(run)).findLast((fact) => fact.type === 'task.asked' && fact.step === rest[0]);
  return asked?.type === 'task.asked' ? asked.expects : undefined;
}
