import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { shapeOf } from '../../src/engine/shape.ts';
import { connectJobs } from '../../src/jobs/jobs.ts';
import type { Report, Timing } from '../../src/jobs/settings.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { compareFiles, type FileStep, fileClients, fileRunbook } from './file-runbook.ts';

export interface FileWorkerSettings {
  readonly redisUrl: string;
  readonly prefix: string;
  readonly timing: Partial<Timing>;
  readonly directory: string;
  readonly steps: readonly FileStep[];
  readonly deadlineMs: number;
}

/** A worker of the world of files, wired as the composition root does it. The file `promoted-at-google` is Google's word. */
export async function startFileWorker(settings: FileWorkerSettings, report: Report): Promise<{ close(): Promise<void> }> {
  const { directory } = settings;
  const runbook = fileRunbook(settings.steps);
  const jobs = connectJobs({ ...settings, shape: shapeOf(runbook), report });
  const refuse = async () => {
    throw new Error('a look changes nothing');
  };
  const worker = await startWorker(jobs, {
    runbook,
    deadlineMs: () => settings.deadlineMs,
    mayGiveBack: async () => (existsSync(join(directory, 'promoted-at-google')) ? { no: 'Google says that the promotion runs' } : 'yes'),
    openClients: async (_header, { token, guard }) => ({
      clients: fileClients(directory, token, guard),
      takeOver: async () => undefined,
      keep: () => undefined,
      close: async () => undefined,
    }),
    openLook: async (request, header) => ({
      header: header ?? {
        run: '-',
        uid: '00000000',
        service: request.service,
        environment: request.environment,
        from: 15,
        to: 17,
        by: 'nobody',
        channel: '-',
        steps: [],
        format: 1,
      },
      clients: fileClients(directory, 0, refuse),
      compare: (asked) => compareFiles(directory, asked),
      close: async () => undefined,
    }),
  });
  return {
    async close() {
      await worker.close();
      await jobs.close();
    },
  };
}
