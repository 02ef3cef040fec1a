import { whyNotComparable } from '../engine/comparable.ts';
import { Refused } from '../errors.ts';
import type { Reply } from '../slack/handlers.ts';
import { renderComparison, renderNotCompared } from '../slack/render/comparison.ts';
import type { CommandContext, Verb } from './context.ts';
import { demand } from './roles.ts';
import { type ChosenRun, chooseRun } from './runs.ts';

export const validate: Verb = {
  name: 'validate',
  usage: 'validate [run]',
  does: 'compares every row, schema and rights of both sides now, while changes flow; changes nothing',
  words: 1,
  need: 'operator',
  group: 'Look',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    const [extra] = chosen.rest;
    if (extra !== undefined)
      throw new Refused('words.too-many', `\`validate\` takes a run or an environment; for one table ask \`diff ${extra}\`.`);
    return compare(context, chosen, undefined);
  },
};

export const diff: Verb = {
  name: 'diff',
  usage: 'diff [run] <table>',
  does: 'the rows of one table that differ now, as - old and + new; values as far as the service file shows them',
  words: 2,
  need: 'operator',
  group: 'Look',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    const [table, extra] = chosen.rest;
    if (table === undefined || extra !== undefined)
      throw new Refused('table.missing', `Name one table: \`diff ${chosen.run} schema.table\`.`);
    return compare(context, chosen, table);
  },
};

async function compare(context: CommandContext, chosen: ChosenRun, table: string | undefined): Promise<Reply> {
  const { run, service, header } = chosen;
  await demand(context, service, 'operator', 'compare: it reads every row of both instances');
  const why = whyNotComparable(chosen.state);
  if (why !== undefined) throw new Refused('validate.not-now', `${why} Nothing was changed.`);
  const title = `${run} ${table ?? 'source and destination'}`;
  const answer = await context.dispatcher.look(
    {
      kind: 'validate',
      service: header.service,
      environment: header.environment,
      run,
      ...(table === undefined ? {} : { tables: [table] }),
    },
    (text) => context.say?.(`${title}: ${text}`),
  );
  const { comparison, error } = answer;
  if (!comparison)
    return {
      ...renderNotCompared(title, error ?? { code: 'look.failed', message: 'The worker gave no answer; ask again.' }),
      exitCode: 2,
    };
  const where = comparison.file && (await context.attach?.({ run, channel: header.channel, file: comparison.file }));
  return { ...renderComparison(title, comparison, where), exitCode: comparison.equal ? 0 : 1 };
}
