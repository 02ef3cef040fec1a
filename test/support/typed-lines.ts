import fc from 'fast-check';
import { runVerb } from '../../src/commands/handlers.ts';
import { parse } from '../../src/commands/parse.ts';
import { mayDo } from '../../src/commands/roles.ts';
import { valuedFlags, verbs } from '../../src/commands/table.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { Refused } from '../../src/errors.ts';
import { commandsContext } from './commands-context.ts';
import { begun, doneFacts, gateFact } from './slack-runs.ts';

const words = [
  ...['PG-1', 'pg-1', 'PG-2', 'PG-99', 'staging', 'production', 'produktion', 'inapp/staging', 'inapp', 'hold-schema-changes', 'preflight'],
  ...['"because"', '“because it hurts”', '„nie zu', "'x'", '‘', '«»', '<@U0SECOND|second>', '<@U0OUTSIDER>', '<#C0MIGRATION|x>', '<!here>'],
  ...['--to=17', '--to', '17', '—to=18', '--too=17', '--at=22:00', '--at', '2h', '--dry-run', '--dry-run=yes', '--gate=approve-cutover'],
  ...[
    '--nonce=n-approve-cutover',
    '--__proto__=1',
    '--constructor',
    '&lt;b&gt;',
    '<http://a.b|a.b>',
    '```',
    '\u202e',
    '\u0000',
    ':',
    '--',
    '-',
    '=',
  ],
];
const verbLike = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...verbs.map((verb) => verb.name)) },
  { weight: 1, arbitrary: fc.constantFrom('Start', 'STATUS', 'staus', 'aprove', 'sta', '', '__proto__', 'toString', '/pgupgrade') },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
);
const word = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...words) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);
const line = fc
  .tuple(verbLike, fc.array(word, { maxLength: 5 }), fc.constantFrom(' ', '  ', '\t', '\u00a0', '\n'))
  .map(([verb, rest, space]) => [verb, ...rest].join(space));

const people = ['U0OPERATOR', 'U0APPROVER', 'U0SECOND', 'U0LEAD', 'U0ADMIN', 'U0OUTSIDER', 'U0NOBODY', 'terminal:root'];

/** Where the run stands when the line is typed. */
const stages: Readonly<Record<string, readonly FactBody[]>> = {
  none: [],
  running: [begun, ...doneFacts('preflight')],
  asking: [begun, ...doneFacts('preflight'), gateFact('approve-cutover', ['do it'])],
  task: [begun, { type: 'task.asked', step: 'hold-schema-changes', what: ['x'], verifiedBy: 'y' }],
  stopped: [
    begun,
    { type: 'step.blocked', step: 'hold-schema-changes', code: 'x', reason: 'r', remedy: 'r', fate: 'human', undoing: false },
  ],
  promoted: [begun, ...doneFacts('preflight'), { type: 'promotion.called' }],
  finished: [begun, { type: 'run.finished' }],
};

/** What the first word must be, letter for letter, for a line to change anything. */
const changing = new Set(verbs.filter((verb) => verb.group !== 'Look').map((verb) => verb.name));

/**
 * Types `count` lines, sensible and not, as different people, at different stages of a run. Throws at the first that
 * crashes, answers nothing, or changes something without being a verb that the person may use. Gives what happened.
 */
export async function typeLines(
  count: number,
  seed: number,
): Promise<{ readonly changed: number; readonly refused: number; readonly answered: number }> {
  const world = await commandsContext();
  const cases = fc.sample(fc.tuple(line, fc.constantFrom(...people), fc.constantFrom(...Object.keys(stages))), { numRuns: count, seed });
  const result = { changed: 0, refused: 0, answered: 0 };
  for (const [text, person, stage] of cases) {
    const told = `“${text}” typed by ${person} (${stage})`;
    world.reset();
    const before = stages[stage] ?? [];
    if (before.length > 0) world.log.push('PG-1', ...before);
    const context = world.as(person);
    const was = world.picture();
    const outcome = await runVerb(context, parse(text, valuedFlags)).catch((error: unknown) => error);
    const is = world.picture();
    if (outcome instanceof Refused) {
      result.refused += 1;
      if (is !== was) throw new Error(`${told} was refused and changed something: ${outcome.message}`);
      if (!/^[a-z]+(\.[a-z-]+)+$/.test(outcome.code) || outcome.message.length < 15)
        throw new Error(`${told}: ${outcome.code} ${outcome.message}`);
    } else if (outcome instanceof Error) throw new Error(`${told} broke: ${outcome.stack ?? outcome.message}`);
    else result.answered += 1;
    if (is === was) continue;
    result.changed += 1;
    const verb = verbs.find((one) => one.name === parse(text, valuedFlags).verb);
    const roles = await context.directory.roles(person, world.service.people);
    if (!verb || !changing.has(verb.name) || !mayDo(roles, verb.need)) throw new Error(`${told} changed something`);
  }
  return result;
}
