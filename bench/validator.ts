import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openServers } from '../sandbox/servers/open-servers.ts';
import { createValidator } from '../src/validator/compare.ts';
import { cpuSeconds } from './cpu.ts';
import { type Measured, tableOf } from './table.ts';
import { addressOf, build, countAll, postmasterOf, referenceSql } from './validator-data.ts';

const usage = 'npm run bench -- validator [--rows 1000000] [--rounds 3] [--connections 2] [--json FILE]\n';

/**
 * How fast equality is proved: two real servers, 15 and 17, with the same rows. In alternating rounds: count(*) of
 * everything, the validator with 1 and with N connections a side, and pgcopydb's checksum (32 bits a row, whole tables).
 */
export async function benchValidator(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '2' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  const [rows, rounds, many] = [Number(values.rows), Number(values.rounds), Number(values.connections)];
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  const servers = await openServers({ workDir });
  try {
    const [source, destination] = await Promise.all(
      [15, 17].map((version) => servers.fleet.create({ name: `pg${version}`, version, flags: {} })),
    );
    if (!source || !destination) throw new Error('The two servers were not made.');
    const began = Date.now();
    await Promise.all([source, destination].map((cluster) => build(cluster, rows)));
    process.stdout.write(`${rows.toLocaleString('en-US')} rows on each side, built in ${Math.round((Date.now() - began) / 1_000)} s\n`);
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
      if (!verdict.equal) throw new Error(`The two sides differ: ${JSON.stringify(verdict.tables.filter((table) => !table.equal))}`);
      return { rows: verdict.rows, bytes: verdict.bytes };
    };
    const work: Readonly<Record<string, () => Promise<{ rows: number; bytes: number }>>> = {
      'count(*) of everything': () => countAll([source, destination]),
      'validator, 1 connection a side': () => ours(1),
      [`validator, ${many} connections a side`]: () => ours(many),
      'checksum of pgcopydb, as SQL': () => referenceSql([source, destination]),
    };
    const postmasters = await Promise.all([source, destination].map(postmasterOf));
    const measured: Measured[] = [];
    for (let round = 1; round <= rounds; round++)
      for (const [name, run] of Object.entries(work)) {
        const [cpu, own, wall] = [await cpuSeconds(postmasters), process.cpuUsage(), performance.now()];
        const done = await run();
        const seconds = (performance.now() - wall) / 1_000;
        const node = process.cpuUsage(own);
        measured.push({
          name,
          round,
          ...done,
          wallSeconds: seconds,
          serverCpuSeconds: (await cpuSeconds(postmasters)) - cpu,
          ownCpuSeconds: (node.user + node.system) / 1e6,
        });
      }
    process.stdout.write(`${tableOf(measured)}\n`);
    if (values.json !== undefined) await writeFile(values.json, JSON.stringify({ benchmark: 'validator', rows, measured }, null, 1));
  } finally {
    await servers.close();
    await rm(workDir, { recursive: true, force: true });
  }
}
