import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compiled } from '../../sandbox/compiled.ts';
import type { World } from '../../sandbox/world.ts';

/** `npx pgupgrade give-back-writes`, on a machine that reaches neither Redis nor Slack. Rejects with `code` and `stderr` where it refuses. */
export async function emergencyExit(world: World, environment: string): Promise<string> {
  const known = Object.entries(world.environment).filter(([name]) => !name.startsWith('SLACK_'));
  const { stdout } = await promisify(execFile)(process.execPath, [compiled('src/cli.js'), 'give-back-writes', environment], {
    env: { PATH: process.env['PATH'], ...Object.fromEntries(known), REDIS_URL: 'redis://127.0.0.1:1' },
  });
  return stdout;
}
