import type { Fact } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import { Refused } from '../errors.ts';
import { renderInterim, renderReport, reportOf } from '../slack/render/report.ts';
import { reportFiles } from '../slack/render/report-files.ts';
import { duration, people, safe, time } from '../slack/render/text.ts';
import type { CommandContext, Verb } from './context.ts';
import { runFace } from './face.ts';
import { demand, mayDo, rolesIn } from './roles.ts';
import { chooseRun } from './runs.ts';

const most = 15;

type End = Parameters<typeof renderReport>[0];
function isEnd(fact: Fact): fact is End {
  return fact.type === 'run.finished' || fact.type === 'run.aborted' || fact.type === 'run.rolled-back' || fact.type === 'run.retired';
}

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
  const report = reportOf({ state, facts, shape: context.shape });
  const off = report.outages.reduce((sum, stop) => sum + stop.to - stop.from, 0);
  const deciders = [...new Set(report.decisions.flatMap((decision) => (decision.decision === 'approved' ? decision.by : [])))];
  const ended = report.endedAt ?? report.startedAt;
  return [
    `• ${signs[state.status] ?? '🛑'} ${safe(report.name)} · ${state.status.replace('-', ' ')} ${time(ended, '{date_short_pretty} {time}')}`,
    `took ${duration(ended - report.startedAt)}`,
    report.outages.length > 0 ? `writes off ${duration(off)}` : 'writes never off',
    ...(deciders.length > 0 ? [`approved by ${people(deciders)}`] : []),
    ...(state.abort ? [safe(state.abort.reason)] : []),
  ].join(' · ');
}

export const report: Verb = {
  name: 'report',
  usage: 'report [run] [--format=html|json]',
  flags: [{ name: 'format', valued: true }],
  words: 1,
  does: 'what happened in a run, also while it is under way; in a terminal --format prints the file',
  need: 'viewer',
  group: 'Look',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation, { ended: true });
    await demand(context, chosen.service, 'viewer', 'read the report');
    const face = runFace(context.services, chosen.header);
    if (!face)
      throw new Refused('environment.unknown', `The service file has no environment ${chosen.header.environment} any more; put it back.`);
    const { state, facts } = chosen;
    const view = { state, facts, shape: context.shape, face, progress: await context.log.progress(chosen.run), now: context.now() };
    const { format } = invocation.flags;
    if (typeof format === 'string') return printed(context, reportFiles(reportOf(view)), format);
    const ended = facts.findLast(isEnd);
    return state.endedAt !== undefined && ended ? renderReport(ended, view) : renderInterim(view);
  },
};

function printed(context: CommandContext, files: ReturnType<typeof reportFiles>, format: string) {
  const endings = files.map(({ name }) => name.split('.').at(-1) ?? '');
  const file = files[endings.indexOf(format.toLowerCase())];
  if (!file) throw new Refused('report.format-unknown', `The report comes as ${endings.join(', ')}, not as “${safe(format)}”.`);
  if (context.actor.via === 'slack')
    throw new Refused('report.terminal-only', 'The files of an ended run are in its thread; `--format` prints one in a terminal.');
  return { text: file.content, verbatim: true as const };
}
