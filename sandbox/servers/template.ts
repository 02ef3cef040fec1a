import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, giveToServer, key, openDirectory } from './cache.ts';
import { run, serverIdentity } from './command.ts';
import type { Packages } from './packages.ts';
import { agentPassword, clusterRoles, heartbeatTable } from './roles.ts';

/** The single-user mode takes a statement per empty line and needs no port, no socket and no wait. */
async function singleUser(packages: Packages, version: number, data: string, database: string, sql: string): Promise<void> {
  const statements = sql.trim().replaceAll(';\n', ';\n\n');
  await run({
    program: packages.program(version, 'postgres'),
    args: ['--single', '-j', '-D', data, '-c', 'exit_on_error=on', '-c', 'fsync=off', '-c', 'log_checkpoints=off', database],
    input: `${statements}\n\n`,
    identity: serverIdentity(),
  });
}

/** Burns object ids, so that the same type has other ids on two servers, as in the real world. */
const burned = (version: number) =>
  Array.from({ length: version * 3 }, (_, index) => `create type pg_temp.burn_${index} as (a integer);\n`).join('');

/** The data directory of an empty Cloud SQL instance of that version; made once, then copied for each instance. */
export async function emptyTemplate(packages: Packages, version: number): Promise<string> {
  const roles = clusterRoles(version);
  const at = join(packages.cache, 'templates', `${version}-${key(packages.key, roles, heartbeatTable, burned(version))}`);
  await buildOnce(at, async (unfinished) => {
    const identity = serverIdentity();
    const data = await openDirectory(join(unfinished, 'data'));
    await giveToServer(data, 0o700);
    // A file, because a pipe of ours could not be read by the account that initdb runs as.
    const passwordFile = join(unfinished, 'password');
    await writeFile(passwordFile, `${agentPassword}\n`);
    await giveToServer(passwordFile, 0o600);
    const locale = ['-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions'];
    const args = ['-D', data, '-U', 'cloudsqladmin', '-A', 'scram-sha-256', '--pwfile', passwordFile, ...locale];
    await run({ program: packages.program(version, 'initdb'), args, identity });
    await singleUser(packages, version, data, 'postgres', `${burned(version)}${roles}`);
    await singleUser(packages, version, data, 'cloudsqladmin', heartbeatTable);
  });
  return join(at, 'data');
}
