import { writeFile } from 'node:fs/promises';
import type { CommandContext } from './commands/context.ts';
import { loadServices } from './config/load.ts';
import { parseRuntime } from './config/runtime.ts';
import { shapeOf } from './engine/shape.ts';
import { connectJobs } from './jobs/jobs.ts';
import { runbook } from './runbook.ts';
import { createDirectory } from './slack/directory.ts';
import { readTrouble } from './slack/outbox-store.ts';
import { slackClients } from './slack/poster.ts';

/** What the verbs need in a terminal. Slack may be down: then groups have no members, and ids named in the service file still count. */
export async function openTerminal(
  variables: Readonly<Record<string, string | undefined>>,
  actor: string,
): Promise<{ readonly context: CommandContext; close(): Promise<void> }> {
  const runtime = parseRuntime(variables);
  const services = await loadServices(runtime.SERVICES_DIR);
  const shape = shapeOf(runbook);
  const jobs = connectJobs({
    redisUrl: runtime.REDIS_URL,
    shape,
    report: (event) => {
      if (event.kind === 'error' && event.where !== 'redis') console.error(`${event.where}: ${String(event.error)}`);
    },
  });
  await jobs.reached(5_000).catch(async (error: unknown) => {
    await jobs.close();
    throw error;
  });
  const web = runtime.SLACK_BOT_TOKEN === undefined ? undefined : slackClients(runtime.SLACK_BOT_TOKEN, runtime.SLACK_API_URL).posts;
  return {
    context: {
      log: jobs.log,
      dispatcher: jobs.dispatcher,
      directory: createDirectory(web),
      services,
      shape,
      actor: { id: actor, via: 'terminal' },
      now: Date.now,
      ...(process.stderr.isTTY ? { say: (text) => void process.stderr.write(`\r\u001B[K${text}`) } : {}),
      attach: async ({ run, file }) => {
        const path = `${run}-${file.name}`;
        await writeFile(path, `${file.content}\n`);
        return `The whole list is the file ${path} here.`;
      },
      channelTrouble: (run) => readTrouble(jobs.redis, run, jobs.prefix),
    },
    close: () => jobs.close(),
  };
}
