import { readFile } from 'node:fs/promises';
import { fold } from '../engine/fold.ts';
import { Refused } from '../errors.ts';
import type { Reply } from '../slack/handlers.ts';
import { redact } from '../slack/redact.ts';
import { type RunViewData, runName } from '../slack/render/face.ts';
import { renderReport } from '../slack/render/report.ts';
import { duration, people, safe, time } from '../slack/render/text.ts';
import { chainOf } from '../slack/report/chain.ts';
import { formats, reportAs } from '../slack/report/files.ts';
import { type Report, reportOf } from '../slack/report/model.ts';
import { findRehearsal } from '../slack/report/rehearsal.ts';
import { verifyReport } from '../slack/report/verify.ts';
import type { CommandContext, Verb } from './context.ts';
import { runFace } from './face.ts';
import { demand, mayDo, rolesIn } from './roles.ts';
import { chooseRun } from './runs.ts';

const most = 15;

const signs: Readonly<Record<string, string>> = { finished: '🏁', retired: '🏁', 'rolled-back': '↩' };

export const history: Verb = {
  name: 'history',
  usage: 'history [environment]',
  words: 1,
  does: 'runs that ended: what came out, how long they took, how long writes were off',
  need: 'viewer',
  group: 'Look',
  run: async (context, { words: [wanted] }) => {
    const known = [...context.services.values()].flatMap((service) => Object.keys(service.environments));
    const [service, environment] = wanted?.includes('/') ? wanted.split('/') : [undefined, wanted];
    if (environment !== undefined && !known.includes(environment))
      throw new Refused(
        'environment.unknown',
        `There is no environment “${safe(environment)}”; there is ${[...new Set(known)].join(', ')}.`,
      );
    const runs = (await context.log.runs()).filter(
      (one) =>
        !one.active && (environment === undefined || one.environment === environment) && (service === undefined || one.service === service),
    );
    const visible = await Promise.all(runs.map(async (one) => mayLook(context, one.service)));
    const lines = await Promise.all(
      runs
        .filter((_, at) => visible[at])
        .slice(0, most)
        .map(({ run }) => line(context, run)),
    );
    const left = runs.length - lines.length;
    if (lines.length === 0)
      return { text: `No run${environment ? ` of ${environment}` : ''} has ended yet. \`/pgupgrade list\` shows those under way.` };
    return { text: [...lines, ...(left > 0 ? [`_${left} older_`] : [])].join('\n') };
  },
};

async function mayLook(context: CommandContext, name: string): Promise<boolean> {
  const service = context.services.get(name);
  return service !== undefined && mayDo(await rolesIn(context, service), 'viewer');
}

async function line(context: CommandContext, run: string): Promise<string> {
  const facts = await context.log.read(run);
  const state = fold(facts, context.shape);
  const off = state.writeStops.reduce((sum, stop) => sum + stop.to - stop.from, 0);
  const deciders = [...new Set(facts.flatMap((fact) => (fact.type === 'gate.decided' && fact.decision === 'approved' ? fact.by : [])))];
  const began = facts[0]?.at ?? 0;
  const ended = state.endedAt ?? began;
  return [
    `• ${signs[state.status] ?? '🛑'} ${safe(runName(state))} · ${state.status.replace('-', ' ')} ${time(ended, '{date_short_pretty} {time}')}`,
    `took ${duration(ended - began)}`,
    state.writeStops.length > 0 ? `writes off ${duration(off)}` : 'writes never off',
    ...(deciders.length > 0 ? [`approved by ${people(deciders)}`] : []),
    ...(state.abort ? [safe(state.abort.reason)] : []),
  ].join(' · ');
}

export const report: Verb = {
  name: 'report',
  usage: 'report [run] [--format=html|json|md] [--verify=FILE]',
  flags: [
    { name: 'format', valued: true },
    { name: 'verify', valued: true },
  ],
  words: 1,
  does: 'what happened in a run, also while it is under way; in a terminal --format prints the file, --verify tells whether one was changed',
  need: 'viewer',
  group: 'Look',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation, { ended: true });
    await demand(context, chosen.service, 'viewer', 'read the report');
    const face = runFace(context.services, chosen.header);
    if (!face)
      throw new Refused('environment.unknown', `The service file has no environment ${chosen.header.environment} any more; put it back.`);
    const { header, state, facts } = chosen;
    const { log, shape, now } = context;
    const earlier = await findRehearsal(log, shape, header);
    const view = { state, facts, shape, face, progress: await log.progress(chosen.run), earlier, now: now() };
    const { format, verify } = invocation.flags;
    if ((format ?? verify) !== undefined && context.actor.via === 'slack')
      throw new Refused('report.terminal-only', 'The files of an ended run are in its thread; a terminal prints and verifies them.');
    if (typeof verify === 'string') return verified(verify, await readFile(verify, 'utf8').catch(unreadable(verify)), view);
    return typeof format === 'string' ? printed(view, format) : renderReport(view);
  },
};

function printed(view: RunViewData, wanted: string): Reply {
  const format = formats.find((one) => one === wanted.toLowerCase());
  if (!format) throw new Refused('report.format-unknown', `The report comes as ${formats.join(', ')}, not as “${safe(wanted)}”.`);
  return { text: redact(reportAs(format, reportOf(view))), verbatim: true };
}

/** A file tells the log up to the moment it was written at: what came afterwards, a rollback, is in a report of its own. */
function verified(file: string, content: string, view: RunViewData): Reply {
  const length = chainOf(view.facts).findLastIndex(({ hash }) => content.includes(hash)) + 1 || view.facts.length;
  const facts = view.facts.slice(0, length);
  const report: Report = reportOf({ ...view, facts, state: fold(facts, view.shape) });
  const { is, sentence } = verifyReport(content, report);
  if (is === 'genuine') return { text: `${safe(file)}: ${sentence}` };
  throw new Refused('report.changed', `${safe(file)}: ${sentence}`);
}

function unreadable(file: string) {
  return (error: unknown): never => {
    throw new Refused('report.unreadable', `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  };
}
