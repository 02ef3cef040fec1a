import { openServers } from '../../sandbox/servers/open-servers.ts';

/** A sandbox's servers in a process that can be killed: `node --import typescript.mjs servers-process.ts WORKDIR`. Prints their pids. */
const servers = await openServers({ workDir: process.argv[2] ?? '' });
const cluster = await servers.fleet.create({ name: 'left-over', version: 17, flags: {} });
process.stdout.write(`${JSON.stringify({ postgres: cluster.pid(), redis: servers.redis.pid() })}\n`);
setInterval(() => undefined, 60_000);
