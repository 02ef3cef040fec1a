import type { Clients } from '../../clients.ts';
import { done, type Step, task, todo } from '../../engine/step.ts';

/** One person types the instance's name, and people approve: two different slips would be needed to delete the wrong one. */
export const deleteSource: Step<Pick<Clients, 'target' | 'cloudSql'>> = {
  id: 'delete-source',
  title: 'Delete the old instance',
  impact: 'none',
  gate: { question: 'Delete the old instance for good?' },
  skippable: true,

  async check({ target, cloudSql }, run) {
    const instance = await cloudSql.instance(target.source);
    if (!instance) return done(`${target.source} is deleted`);
    const typed = run.answer?.trim() ?? '';
    if (typed.toLowerCase() === 'keep') return done(`${target.source} is kept by people’s wish, closed to writers`);
    if (typed !== target.source)
      return task(
        [
          `Type the name of the old instance to have it deleted: ${target.source}. Or type keep: it stays, closed to writers.`,
          ...(typed === '' ? [] : [`"${typed}" is not its name; nothing was changed.`]),
        ],
        'the name, letter by letter',
        { expects: 'the name of the old instance, or keep' },
      );
    return todo([
      `delete ${target.source} (${instance.databaseVersion}), by its name as typed; its last backup stays`,
      ...(instance.settings?.deletionProtectionEnabled ? ['its deletion protection is turned off before'] : []),
    ]);
  },

  async apply({ target, cloudSql }, run) {
    const wait = { signal: run.signal, timeoutMs: 30 * 60_000 };
    const instance = await cloudSql.instance(target.source);
    if (!instance) return;
    if (instance.settings?.deletionProtectionEnabled)
      await cloudSql.wait(await cloudSql.patchInstance(target.source, { settings: { deletionProtectionEnabled: false } }), wait);
    const operation = await cloudSql.deleteInstance(target.source);
    await run.record('operation', operation);
    await cloudSql.wait(operation, wait);
  },

  undo: { irreversible: 'the instance is deleted; its last backup is what is left of it' },
};
