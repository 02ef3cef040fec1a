import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import type { Exhibit, HinderingSession } from '../../src/engine/step.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import type { Message } from '../../src/slack/render/blocks.ts';
import { renderComparison, renderNotCompared } from '../../src/slack/render/comparison.ts';
import { renderSteps } from '../../src/slack/render/steps.ts';
import { doneFacts, firstAt, gateFact, viewOf } from './slack-runs.ts';

/** What a name or a reason may hold that must not be read as markup, a mention or a fence. */
export const hostile = '<!channel> `rm` & "x" *bold* 🐘\u202e</b>\n```drop```';

export const blocked = (more: Partial<Extract<FactBody, { type: 'step.blocked' }>> = {}): FactBody => ({
  type: 'step.blocked',
  step: 'hold-schema-changes',
  code: 'postgres.permission-denied',
  reason: 'The bot may not change ASYNC_AUDIENCE_CREATION_ENABLED.',
  remedy: 'Grant it.',
  fate: 'human',
  undoing: false,
  ...more,
});
export const writeStop: readonly FactBody[] = [
  ...doneFacts('preflight', 'enable-replication-flags', 'hold-schema-changes', 'approve-cutover'),
  { type: 'deadline.set', dueAt: firstAt + 200_000 },
  ...doneFacts('fence-source', 'validate'),
];

const difference: readonly Exhibit[] = [
  {
    title: 'What was compared',
    table: [
      ['', 'source', 'destination'],
      [`public."${hostile}"`, '18,204 rows', '18,203 rows'],
    ],
  },
  { title: `public."${hostile}", id = 88123`, lines: ['- priority 3', '+ priority 4', `+ ${hostile.repeat(60)}`] },
];

/** As many sessions as are shown at once, with names and statements of any kind. */
export const hinderers: readonly HinderingSession[] = Array.from({ length: 20 }, (_, at) => ({
  pid: 2_000_000 + at,
  startedAt: 1_795_000_000_123_456 + at,
  who: `${hostile.repeat(2)} (${hostile}, 2001:0db8:85a3:0000:0000:8a2e:0370:7334, “${'<'.repeat(60)}”), pid ${2_000_000 + at}`,
}));

/** Logs that between them make every kind of message, short and far too long. */
export const logs: Readonly<Record<string, readonly FactBody[]>> = {
  'of a new run': [],
  'with a question': [...doneFacts('preflight'), gateFact('enable-replication-flags', ['alter …'])],
  'with a plan of 400 tables and long SQL': [
    gateFact('enable-replication-flags', [
      ...Array.from({ length: 400 }, (_, i) => `grant select on audience_data."table ${i} ${hostile}" to "migration"`),
      `create index concurrently ${'a_very_long_column_name_, '.repeat(900)}`,
    ]),
  ],
  'with hostile names': [
    ...doneFacts('preflight'),
    gateFact('enable-replication-flags', [hostile], { shown: [hostile.repeat(60)], question: hostile, because: hostile }),
    {
      type: 'vote.cast',
      gate: 'enable-replication-flags',
      nonce: 'n-enable-replication-flags',
      by: hostile,
      vote: 'approve',
      reason: hostile,
    },
    { type: 'task.asked', step: 'hold-schema-changes', what: [hostile, hostile.repeat(200)], verifiedBy: hostile, expects: hostile },
    blocked({ reason: hostile.repeat(300), remedy: hostile.repeat(300), code: hostile }),
    { type: 'step.skipped', step: 'hold-schema-changes', by: hostile, reason: hostile.repeat(99) },
    { type: 'note', by: 'U0OPERATOR', text: hostile.repeat(400) },
    blocked({ sessions: hinderers }),
    { type: 'retry.requested', step: 'hold-schema-changes', by: hostile, disconnect: hinderers },
    {
      type: 'sessions.disconnected',
      step: 'hold-schema-changes',
      by: hostile,
      ended: hinderers.map(({ who }) => who),
      left: hinderers.map(({ who }) => `${who}: it was gone already`),
    },
    { type: 'pause.requested', by: hostile, reason: hostile },
  ],
  'of a write stop': writeStop,
  'of writes given back': [...writeStop, { type: 'give-back.begun', reason: hostile }, { type: 'writes.given-back', offForMs: 4_200 }],
  'of a difference': [...doneFacts('preflight'), blocked({ step: 'validate', code: 'validation.differs', exhibits: difference })],
  'of a finished run': [
    ...writeStop,
    { type: 'promotion.called' },
    ...doneFacts('promote-destination', 'start-services', 'remove-migration'),
    { type: 'run.finished' },
  ],
  'of a way back in danger': [
    ...writeStop,
    { type: 'promotion.called' },
    ...doneFacts('promote-destination', 'start-services', 'remove-migration'),
    { type: 'run.finished' },
    { type: 'way-back.tended', did: [hostile], warnings: [hostile.repeat(20)], gaps: [hostile] },
  ],
  'of an aborted run': [
    ...doneFacts('preflight', 'enable-replication-flags'),
    { type: 'abort.requested', by: 'U0ADMIN', reason: hostile },
    { type: 'undo.begun', reason: 'x' },
    { type: 'step.undone', step: 'enable-replication-flags', how: 'kept', why: hostile },
    { type: 'run.aborted' },
  ],
  'of a copy that is restarted': [
    ...doneFacts('preflight', 'enable-replication-flags', 'hold-schema-changes'),
    blocked({ step: 'approve-cutover', code: 'schema.changed', restartCopy: true }),
    { type: 'copy.restart-requested', by: hostile, reason: hostile.repeat(30), to: 'hold-schema-changes' },
    { type: 'step.undone', step: 'hold-schema-changes', how: 'undone', why: hostile },
    { type: 'copy.taken-back' },
  ],
  'of 200 retries': Array.from({ length: 200 }, (): readonly FactBody[] => [
    blocked({ reason: hostile.repeat(5) }),
    { type: 'retry.requested', step: 'hold-schema-changes', by: 'U0OPERATOR' },
  ]).flat(),
};

/** What a person gets by asking, beside the log's own messages. */
function answers(): readonly (readonly [string, Message])[] {
  const comparison = { equal: false, text: '1 difference in 29 tables, 214,511 rows', exhibits: difference };
  return [
    ['a comparison on demand that differs', renderComparison('PG-1', comparison, 'The list is in the thread.')],
    ['a comparison on demand that is equal', renderComparison('PG-1', { ...comparison, equal: true, exhibits: [] }, undefined)],
    ['a comparison that was not made', renderNotCompared('PG-1', { code: 'look.failed', message: hostile })],
    ['the status window', renderSteps(viewOf(writeStop))],
  ];
}

/** One message of each kind in each log, as it would be sent. */
export function fixtureMessages(): readonly (readonly [string, Message])[] {
  const drawn = Object.entries(logs).flatMap(([name, facts]) => {
    const view = viewOf(facts, { now: firstAt + 20 * 60_000 });
    const wanted = wantedMessages(view, (length) => fold(view.facts.slice(0, length), view.shape));
    const kinds = [...new Set(wanted.filter((one) => !one.file).map((one) => one.kind))];
    const found = kinds.flatMap((kind) => wanted.find((one) => one.kind === kind) ?? []);
    return [
      ...found.map((one) => [`a ${one.kind} message ${name}`, one.message] as const),
      [`the steps ${name}`, renderSteps(view)] as const,
    ];
  });
  return [...drawn, ...answers()];
}
