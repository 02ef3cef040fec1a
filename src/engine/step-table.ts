import type { Impact, Phase, Runbook, Step, Undo } from './step.ts';

const impacts: Readonly<Record<Impact, string>> = {
  none: '',
  restart: 'restart',
  'writes-stop': 'writes stop',
  'point-of-no-return': 'point of no return',
};

/** The procedure as the README shows it: a Markdown table with a row for each phase and each step. */
export function stepTable<D>(runbook: Runbook<D>): string {
  const rows = runbook.flatMap((phase, index) => [
    `| **${number(phase, index)} ${cell(phase.name)}** | | | | |`,
    ...phase.steps.map(stepRow),
  ]);
  return ['| step | what | felt | gate | undo |', '|---|---|---|---|---|', ...rows].join('\n');
}

/** The legs that may follow are none of the upgrade's phases: their command names them. */
function number<D>({ leg }: Phase<D>, index: number): string {
  return leg === undefined || leg === 'upgrade' ? String(index + 1) : `\`${leg}\``;
}

function stepRow<D>(step: Step<D>): string {
  const skippable = step.skippable ? ' (may be skipped)' : '';
  return `| \`${step.id}\` | ${cell(step.title)}${skippable} | ${impacts[step.impact]} | ${step.gate ? '🔒' : ''} | ${undoWords(step.undo)} |`;
}

function undoWords<D>(undo: Undo<D>): string {
  if (typeof undo === 'function') return '↩ taken back';
  if ('irreversible' in undo) return `✗ ${cell(undo.irreversible)}`;
  if ('ask' in undo && undo.askIf) return `↩ taken back; ${cell(undo.askIf.when)} only if approved, else kept: ${cell(undo.keep)}`;
  if ('ask' in undo) return `↩ only if approved; else kept: ${cell(undo.keep)}`;
  return `kept: ${cell(undo.keep)}`;
}

/** A pipe would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}
