import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LookComparison } from '../../src/engine/ports.ts';
import { blocked, done, type Leg, type Runbook, type RunView, type Step, task, todo, waiting } from '../../src/engine/step.ts';
import { NeedsHuman, Transient } from '../../src/errors.ts';

/** A world of files: a step is done when the file of its name exists. Tests and other processes meddle by making files. */
export interface FileClients {
  has(name: string): boolean;
  read(name: string): string;
  write(name: string, text?: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** `guard` is awaited before every change, as the real clients do it. Every change is a line of the file `effects`. */
export function fileClients(directory: string, token: number, guard: () => Promise<void>): FileClients {
  const path = (name: string) => join(directory, name);
  const effect = (line: string) => appendFileSync(path('effects'), `${line} ${token}\n`);
  return {
    has: (name) => existsSync(path(name)),
    read: (name) => (existsSync(path(name)) ? readFileSync(path(name), 'utf8') : ''),
    async write(name, text = '') {
      await guard();
      effect(`+${name}`);
      writeFileSync(path(name), text);
    },
    async remove(name) {
      await guard();
      effect(`-${name}`);
      rmSync(path(name), { force: true });
    },
  };
}

/** A step as data, so that it can be handed to another process. */
export interface FileStep {
  readonly id: string;
  readonly gate?: true;
  readonly skippable?: true;
  readonly writeStop?: 'gate' | 'within' | 'promotion' | 'after-promotion';
  readonly undo?: 'function' | 'keep' | 'ask' | 'irreversible';
  readonly copy?: 'prepares' | 'begins';
  /** Waits for this file instead of acting. */
  readonly waitsFor?: string;
  /** A person makes the file. */
  readonly task?: true;
}

export function fileRunbook(steps: readonly FileStep[]): Runbook<FileClients> {
  return [{ name: 'Everything', steps: steps.map(fileStep) }];
}

/** The upgrade, and the legs that may follow it. */
export function fileLegs(legs: Readonly<Partial<Record<Leg, readonly FileStep[]>>>): Runbook<FileClients> {
  return (['upgrade', 'rollback', 'retire'] as const).flatMap((leg) =>
    fileRunbook(legs[leg] ?? []).map((phase) => ({ ...phase, leg, name: leg })),
  );
}

/**
 * `<id>.transient` (a number): so many looks fail for a moment · `<id>.broken`: apply fails · `<id>.hold`: apply stops
 * half-way until it is gone · `<id>.useless`: apply changes nothing · `<id>.plan`: a line more in the plan ·
 * `<id>.undo-broken`: undo fails · `<id>.undo-away`: it fails for a moment, as long as it is there · `<id>.undo-hold`: it stops half-way until it is
 * gone, and `undoing` tells the process.
 */
function fileStep(spec: FileStep): Step<FileClients> {
  const { id } = spec;
  const acts = !spec.waitsFor && !spec.task && spec.writeStop !== 'gate';
  return {
    id,
    title: `Make ${id}`,
    impact: spec.writeStop === 'promotion' ? 'point-of-no-return' : 'none',
    ...(spec.gate ? { gate: { question: `Make ${id}?` } } : {}),
    ...(spec.skippable ? { skippable: true } : {}),
    ...(spec.writeStop ? { writeStop: spec.writeStop } : {}),
    ...(spec.copy ? { copy: spec.copy } : {}),
    async check(world, run) {
      const left = Number(world.read(`${id}.transient`) || 0);
      if (left > 0) {
        await world.write(`${id}.transient`, String(left - 1));
        throw new Transient('world.away', `the world is away for ${id}`, { retryAfterMs: 10 });
      }
      if (world.has(`${id}.refuses`)) return blocked('world.refuses', `the world refuses ${id}`, `remove ${id}.refuses`);
      if (spec.waitsFor) return world.has(spec.waitsFor) ? done(`${spec.waitsFor} is there`) : waiting(`no ${spec.waitsFor} yet`, 50);
      if (world.has(id)) return done(`${id} is there${run.answer ? `, see ${run.answer}` : ''}`);
      if (spec.task) return task([`make the file ${id}`], `the file ${id} exists`, { expects: 'a link' });
      const more = world.read(`${id}.plan`);
      return todo([`make ${id}`, ...(more ? [more] : [])]);
    },
    ...(acts ? { apply: (world: FileClients, run: RunView) => apply(spec, world, run) } : {}),
    undo: undoOf(spec),
  };
}

async function apply({ id, writeStop }: FileStep, world: FileClients, run: RunView): Promise<void> {
  if (world.has(`${id}.broken`)) throw new NeedsHuman('world.broken', `${id} is broken`, { remedy: `remove ${id}.broken` });
  if (world.has(`${id}.useless`)) return;
  if (writeStop === 'promotion' && !(await run.claimPromotion())) return;
  await world.write(`${id}.half`);
  await run.record('made', { by: run.uid });
  while (world.has(`${id}.hold`)) await delay(10, undefined, world.has(`${id}.deaf`) ? {} : { signal: run.signal });
  await world.write(id);
}

function undoOf({ id, undo = 'function' }: FileStep): Step<FileClients>['undo'] {
  const take = async (world: FileClients, run: RunView): Promise<void> => {
    if (world.has(`${id}.undo-away`)) throw new Transient('world.away', `the world is away for ${id}`, { retryAfterMs: 10 });
    if (world.has(`${id}.undo-broken`))
      throw new NeedsHuman('world.broken', `${id} cannot be removed`, { remedy: `remove ${id}.undo-broken` });
    await world.remove(`${id}.half`);
    if (world.has(`${id}.undo-hold`)) await world.write('undoing', String(process.pid));
    while (world.has(`${id}.undo-hold`)) await delay(10, undefined, { signal: run.signal });
    await world.remove(id);
  };
  switch (undo) {
    case 'function':
      return take;
    case 'keep':
      return { keep: `${id} harms nobody` };
    case 'ask':
      return { ask: `Remove ${id}?`, keep: `${id} harms nobody`, undo: take };
    case 'irreversible':
      return { irreversible: `${id} cannot be unmade` };
    default:
      return undo satisfies never;
  }
}

/** The file `source` and the file `destination`; `compare.hold`: it does not end until that is gone, or its signal aborts. */
export async function compareFiles(
  directory: string,
  asked: { readonly signal: AbortSignal; readonly progress: (text: string) => void },
): Promise<LookComparison> {
  const read = (name: string) => (existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8') : '');
  writeFileSync(join(directory, 'comparing'), '');
  asked.progress('half of it');
  while (existsSync(join(directory, 'compare.hold'))) await delay(10, undefined, { signal: asked.signal });
  const equal = read('source') === read('destination');
  return { equal, text: equal ? 'equal' : '1 difference', exhibits: [] };
}

/** A cutover in small. */
export const cutoverSteps: readonly FileStep[] = [
  { id: 'prepare' },
  { id: 'approve-cutover', gate: true, writeStop: 'gate', undo: 'keep' },
  { id: 'stop-workers', writeStop: 'within' },
  { id: 'fence', writeStop: 'within' },
  { id: 'drain', writeStop: 'within', undo: 'keep', waitsFor: 'drained' },
  { id: 'promote', writeStop: 'promotion', undo: 'irreversible' },
  { id: 'start', writeStop: 'after-promotion' },
  { id: 'clean-up', undo: 'irreversible' },
];

/** The same with a copy before it, which may be restarted. */
export const copySteps: readonly FileStep[] = [
  { id: 'create' },
  { id: 'grant', copy: 'prepares' },
  { id: 'hold', copy: 'begins' },
  { id: 'copy' },
  { id: 'compare', undo: 'keep' },
  ...cutoverSteps,
];

/** The way back of that cutover, and its end. */
export const returnSteps: readonly FileStep[] = [
  { id: 'look-back', undo: 'keep' },
  { id: 'approve-return', gate: true, writeStop: 'gate', undo: 'keep' },
  { id: 'stop-again', writeStop: 'within' },
  { id: 'fence-new', writeStop: 'within' },
  { id: 'open-old', writeStop: 'promotion', undo: 'irreversible' },
  { id: 'start-old', writeStop: 'after-promotion' },
];
export const retireSteps: readonly FileStep[] = [
  { id: 'disarm', gate: true, undo: 'irreversible' },
  { id: 'delete-old', undo: 'irreversible' },
];
