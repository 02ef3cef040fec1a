import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openServers } from '../sandbox/servers/open-servers.ts';
import type { Cluster } from '../sandbox/types.ts';
import { createValidator } from '../src/validator/compare.ts';
import { cpuOfServers, ownCpu } from './cpu.ts';
import { findPgcopydb, type Pgcopydb } from './pgcopydb.ts';
import { type Measured, standings, tableOf } from './table.ts';
import { addressOf, build, countAll } from './validator-data.ts';

export const validatorUsage = `validator   how fast equality is proved: count(*), the validator, pgcopydb compare data
  [--rows 10000000] [--rounds 3] [--connections, half of the CPUs, 2 to 4] [--json FILE]`;

const floor = 'count(*)';
const peer = 'pgcopydb';
/** Of one row on one side, with its indexes, and once more for what building it needs. */
const bytesPerRow = 700;

type Contestants = Readonly<Record<string, () => Promise<{ readonly rows: number; readonly bytes: number } | undefined>>>;

/**
 * Two real servers, 15 and 17, with the same rows. In alternating rounds: count(*) of everything, the validator with 1 and
 * with N connections a side, and pgcopydb's `compare data` (32 bits a row, whole tables, 4 processes) where it can be had.
 */
export async function benchValidator(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '10000000' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: String(Math.min(4, Math.max(2, Math.floor(cpus().length / 2)))) },
      json: { type: 'string' },
    },
  });
  const [rows, rounds, many] = [whole('rows', values.rows), whole('rounds', values.rounds), whole('connections', values.connections)];
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  await refuseFullDisk(workDir, rows);
  const servers = await openServers({ workDir });
  try {
    const [source, destination] = await Promise.all(
      [15, 17].map((version) => servers.fleet.create({ name: `pg${version}`, version, flags: {} })),
    );
    if (!source || !destination) throw new Error('The two servers were not made.');
    const tool = await findPgcopydb(servers.packages);
    if ('missing' in tool) say(`without pgcopydb: ${tool.missing}`);
    const began = performance.now();
    await Promise.all([source, destination].map((cluster) => build(cluster, rows)));
    const built = await countAll([source, destination]);
    const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB, load ${loadavg()[0]?.toFixed(1)}`;
    say(
      `${built.rows.toLocaleString('en-US')} rows, ${(built.bytes / 1e9).toFixed(2)} GB on each side, built in ${Math.round((performance.now() - began) / 1_000)} s; ${machine}; median of ${rounds}`,
    );
    const contestants = contestantsOf(source, destination, many, 'missing' in tool ? undefined : tool);
    const measured = await measure(contestants, [source, destination], rounds, built);
    const all = standings(measured, floor, peer);
    say(tableOf(all, floor, peer));
    const version = 'missing' in tool ? undefined : tool.version;
    if (values.json !== undefined)
      await writeFile(
        values.json,
        `${JSON.stringify({ benchmark: 'validator', ...built, rounds, machine, pgcopydb: version, standings: all, measured }, null, 1)}\n`,
      );
  } finally {
    await servers.close();
    await rm(workDir, { recursive: true, force: true });
  }
}

function contestantsOf(source: Cluster, destination: Cluster, many: number, pgcopydb: Pgcopydb | undefined): Contestants {
  const validator = createValidator({ source: addressOf(source), destination: addressOf(destination) });
  const ours = async (connections: number) => {
    const verdict = await validator.compare({
      databases: ['bench'],
      live: false,
      sequences: true,
      expected: [],
      connections,
      signal: new AbortController().signal,
    });
    if (!verdict.equal)
      throw new Error(
        `Equal sides were found different: ${JSON.stringify([verdict.tables.filter((table) => !table.equal), verdict.objects])}`,
      );
    return { rows: verdict.rows, bytes: verdict.bytes };
  };
  return {
    [floor]: () => countAll([source, destination]),
    'ours, 1 connection': () => ours(1),
    ...(many > 1 ? { [`ours, ${many} connections`]: () => ours(many) } : {}),
    ...(pgcopydb ? { [peer]: () => pgcopydb.compare(source.admin, destination.admin, 'bench').then(() => undefined) } : {}),
  };
}

/** `built`: what a contestant that does not count has read. */
async function measure(
  contestants: Contestants,
  clusters: readonly Cluster[],
  rounds: number,
  built: { readonly rows: number; readonly bytes: number },
): Promise<readonly Measured[]> {
  const postmasters = clusters.map((cluster) => cluster.pid() ?? 0);
  const measured: Measured[] = [];
  for (let round = 1; round <= rounds; round++)
    for (const [name, run] of Object.entries(contestants)) {
      const [cpu, own, wall] = [await cpuOfServers(postmasters), await ownCpu(), performance.now()];
      const read = (await run()) ?? built;
      const wallSeconds = (performance.now() - wall) / 1_000;
      measured.push({
        name,
        round,
        ...read,
        wallSeconds,
        serverCpuSeconds: (await cpuOfServers(postmasters)) - cpu,
        ownCpuSeconds: (await ownCpu()) - own,
      });
    }
  return measured;
}

async function refuseFullDisk(directory: string, rows: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = rows * bytesPerRow * 2;
  if (bavail * bsize > needed) return;
  await rm(directory, { recursive: true, force: true });
  throw new Error(
    `${rows.toLocaleString('en-US')} rows on two servers need ${(needed / 1e9).toFixed(1)} GB in ${directory}, which has ${((bavail * bsize) / 1e9).toFixed(1)}: take fewer by --rows, or another TMPDIR.`,
  );
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number of at least 1, not "${text}".`);
  return value;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
