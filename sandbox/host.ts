import type { SandboxOptions } from './options.ts';
import { openStage, type Stage } from './stage.ts';

const print = (line: string) => console.log(line);

/** Raises the sandbox and says where everything is; it then runs until Ctrl-C. */
export async function host(options: SandboxOptions): Promise<void> {
  try {
    const stage = await openStage({ ...options, name: 'sandbox', interrupted: 0, print });
    for (const line of where(stage)) print(line);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

function where({ world, workDir }: Stage): readonly string[] {
  const info = world.info();
  const pods = world.deployments.list().reduce((sum, { replicas }) => sum + replicas, 0);
  const row = (name: string, value: string) => `       ${name.padEnd(24)} ${value}`;
  return [
    ` [2/3] source up · ${pods} pods, 1 of them a writer that nobody told the bot about`,
    ...info.instances.map(({ name, version, adminUrl }) => row(name, `PostgreSQL ${version} · ${adminUrl}`)),
    row('Redis', info.redis),
    row('stand-ins', `Slack ${info.slack} · Google ${info.google} · Kubernetes ${info.kubernetes}`),
    row(
      'processes',
      Object.entries(info.pids)
        .map(([role, pid]) => `${role} ${pid}`)
        .join(' · '),
    ),
    row('logs', `${workDir}/logs`),
    ' [3/3] open the page and press Enter; its yellow line says who to become and what to press next:',
    '',
    `       ${info.slack}`,
    '',
    '       or from another terminal: npm run sandbox -- say operator "/pgupgrade start staging"',
    '                                 npm run sandbox -- tail',
    '       Ctrl-C stops everything that was started',
  ];
}
