import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { runVerbFromTerminal } from '../../src/commands/terminal.ts';
import type { Dispatcher, LookAnswer, LookRequest } from '../../src/engine/ports.ts';
import { attachToThread } from '../../src/slack/attach.ts';
import { pacedSay } from '../../src/slack/say.ts';
import { shownName } from '../../src/validator/names.ts';
import { commandsContext, refusal, say } from '../support/commands-context.ts';
import { begun, doneFacts } from '../support/slack-runs.ts';

const differing: LookAnswer = {
  lines: [],
  comparison: {
    equal: false,
    text: '1 difference in 2 tables',
    exhibits: [
      {
        title: 'Source and destination',
        table: [
          ['what', 'result'],
          ['rows of public.campaign', '1 changed'],
        ],
      },
      { title: 'public.campaign', lines: ['id=7', '- priority 3', '+ priority 4'] },
    ],
    file: { name: 'differences.csv', content: 'a,b' },
  },
};

async function world(answer: LookAnswer = differing) {
  const bench = await commandsContext();
  bench.log.push('PG-1', begun, ...doneFacts('preflight'));
  const asked: LookRequest[] = [];
  const attached: string[] = [];
  const dispatcher: Dispatcher = {
    advance: async () => undefined,
    look: async (request) => {
      asked.push(request);
      return answer;
    },
  };
  const more = {
    dispatcher,
    attach: async ({ run, file }: { readonly run: string; readonly file: { readonly name: string } }) => {
      attached.push(`${run} ${file.name}`);
      return 'The list is in the thread.';
    },
  };
  return {
    ...bench,
    asked,
    attached,
    as: (id: string, via: 'slack' | 'terminal' = 'slack') => bench.as(id, { ...more, actor: { id, via } }),
  };
}

describe('validate', () => {
  it('shows the table of the whole and the rows, and puts the list into the thread', async () => {
    const { as, asked, attached } = await world();
    const reply = await say(as('U0OPERATOR'), 'validate');
    expect(asked).toEqual([{ kind: 'validate', service: 'inapp', environment: 'staging', run: 'PG-1' }]);
    expect(reply.blocks?.map(({ type }) => type)).toEqual(['section', 'table', 'rich_text', 'section']);
    expect(JSON.stringify(reply.blocks)).toMatch(/- priority 3.*\+ priority 4.*The list is in the thread/);
    expect(attached).toEqual(['PG-1 differences.csv']);
  });

  it('has a button that does the same', async () => {
    const { as, asked } = await world();
    const { button } = createHandlers(({ actor }) => as(actor.id));
    await button({ actor: { id: 'U0OPERATOR', via: 'slack' }, channel: 'C0MIGRATION', action: 'run:validate', value: 'PG-1' });
    expect(asked).toEqual([{ kind: 'validate', service: 'inapp', environment: 'staging', run: 'PG-1' }]);
  });

  it('takes a run or an environment', async () => {
    const { as, asked } = await world();
    for (const words of ['PG-1', 'staging', 'inapp/staging']) await say(as('U0OPERATOR'), `validate ${words}`);
    expect(asked.map((one) => one.kind === 'validate' && one.run)).toEqual(['PG-1', 'PG-1', 'PG-1']);
    expect(await refusal(say(as('U0OPERATOR'), 'validate public.campaign'))).toContain('diff public.campaign');
    expect(asked).toHaveLength(3);
  });

  it('is for operators: it reads every row of both instances', async () => {
    const { as, asked } = await world();
    expect(await refusal(say(as('U0OUTSIDER'), 'validate'))).toContain('actor.not-allowed');
    expect(await refusal(say(as('U0OUTSIDER'), 'diff public.campaign'))).toContain('actor.not-allowed');
    expect(asked).toEqual([]);
  });

  it('is refused inside the write stop and after the promotion, before a worker is asked', async () => {
    const { as, asked, log } = await world();
    log.push(
      'PG-1',
      ...doneFacts('enable-replication-flags', 'hold-schema-changes', 'approve-cutover'),
      { type: 'deadline.set', dueAt: 1 },
      ...doneFacts('fence-source'),
    );
    expect(await refusal(say(as('U0OPERATOR'), 'validate'))).toMatch(/^validate\.not-now: The writes of PG-1 are off/);
    log.push('PG-1', { type: 'promotion.called' });
    expect(await refusal(say(as('U0OPERATOR'), 'validate'))).toMatch(/^validate\.not-now: PG-1 is promoted/);
    expect(asked).toEqual([]);
  });

  it('ends in a terminal as the stand-alone tool does: 0 equal, 1 different, 2 not compared', async () => {
    const code = async (answer: LookAnswer) => {
      const { as } = await world(answer);
      return runVerbFromTerminal(as('U0OPERATOR', 'terminal'), ['validate']);
    };
    expect(await code(differing)).toMatchObject({ exitCode: 1, text: expect.stringContaining('rows of public.campaign  1 changed') });
    expect(await code({ lines: [], comparison: { equal: true, text: 'equal', exhibits: [] } })).toMatchObject({ exitCode: 0 });
    const failed = { lines: [], error: { code: 'validator.no-slot', message: 'Nothing replicates.' } };
    expect(await code(failed)).toMatchObject({ exitCode: 2, text: expect.stringContaining('Nothing replicates.') });
  });
});

describe('diff', () => {
  it('asks for the rows of one table', async () => {
    const { as, asked } = await world();
    await say(as('U0OPERATOR'), 'diff public.campaign');
    await say(as('U0OPERATOR'), 'diff PG-1 audience_data.member_1');
    expect(asked.map((one) => one.kind === 'validate' && one.tables)).toEqual([['public.campaign'], ['audience_data.member_1']]);
    expect(await refusal(say(as('U0OPERATOR'), 'diff'))).toContain('table.missing');
  });
});

describe('diff of a name that was copied from an answer', () => {
  it('asks for that table', async () => {
    const { as, asked } = await world();
    for (const name of [shownName('Capitals', 'Capitals'), shownName('public', 'my table')]) await say(as('U0OPERATOR'), `diff ${name}`);
    expect(asked.map((one) => one.kind === 'validate' && one.tables)).toEqual([['"Capitals"."Capitals"'], ['public."my table"']]);
  });
});

describe('while it takes long', () => {
  it('a person hears of it seldom, and the latest words', () => {
    let now = 0;
    const heard: string[] = [];
    const tell = pacedSay(
      async (text) => heard.push(text),
      () => now,
    );
    for (now = 0; now <= 1_500_000; now += 1_000) tell(`${now / 1_000} s`);
    expect(heard).toEqual(['10 s', '60 s', '300 s', '600 s', '1200 s']);
  });

  it('a file that cannot be put into the thread is said', async () => {
    const request = { run: 'PG-1', channel: 'C0', file: { name: 'differences.csv', content: 'a' } };
    const poster = {
      post: () => Promise.reject(new Error('not this')),
      edit: () => Promise.reject(new Error('not this')),
      upload: async () => ({ is: 'refused', code: 'missing_scope' }) as const,
    };
    const board = [{ is: 'sent', sent: { ts: '1.2', hash: '' } }] as const;
    expect(await attachToThread({ entries: async () => board }, poster, request)).toContain('missing_scope');
    expect(await attachToThread({ entries: async () => [{ is: 'none' }] }, poster, request)).toContain('no thread yet');
  });
});
