import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { openServers } from '../sandbox/servers/open-servers.ts';
import type { Cluster } from '../sandbox/types.ts';
import { createValidator } from '../src/validator/compare.ts';
import { withPairs } from '../src/validator/pairs.ts';
import { coverageOf } from '../src/validator/proof/covered.ts';
import { DatabaseProof } from '../src/validator/proof/database-proof.ts';
import { writeTo } from './proof-load.ts';
import { addressOf, build, countAll } from './validator-data.ts';

export const proofUsage = `proof       the rows' part of the write stop: what was kept proved, against a comparison of every row
  [--gb 0.2,2] [--rounds 5] [--seconds 10] [--rate 500] [--connections 4] [--json FILE]`;

/** One write stop. */
interface Round {
  readonly gb: number;
  readonly round: number;
  readonly changesPerSecond: number;
  /** Rows that were still open when nobody wrote any more, and the time until everything was proved. */
  readonly openRows: number;
  readonly proofMs: number;
  /** Every row compared at rest right after. */
  readonly wholeMs: number;
  /** Of the source: one core's share that feed and re-checks took while changes flowed. */
  readonly sourceCpu: number;
  readonly load: number;
}
const bytesPerRow = 231;
const slots = { feed: 'pgupgrade_proof_bench', local: 'pgupgrade_local_bench' };
const replicating = {
  wal_level: 'logical',
  shared_preload_libraries: 'pglogical',
  max_replication_slots: '20',
  max_wal_senders: '20',
  max_worker_processes: '30',
  max_wal_size: '16GB',
} as const;

/** Real pglogical from a 15 to a 17; each round stops the writers, proves, and asks a comparison of every row whether that was right. */
export async function benchProof(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      gb: { type: 'string', default: '0.2,2' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '10' },
      rate: { type: 'string', default: '500' },
      connections: { type: 'string', default: '4' },
      json: { type: 'string' },
    },
  });
  const all: Round[] = [];
  for (const gb of values.gb.split(',').map(Number)) {
    const rounds = await ofSize(gb, {
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      rate: Number(values.rate),
      connections: Number(values.connections),
    });
    all.push(...rounds);
  }
  say(tableOf(all));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ benchmark: 'proof', rounds: all }, null, 1)}\n`);
}

async function ofSize(
  gb: number,
  how: { readonly rounds: number; readonly seconds: number; readonly rate: number; readonly connections: number },
): Promise<readonly Round[]> {
  const rows = Math.round((gb * 1e9) / bytesPerRow);
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  const servers = await openServers({ workDir });
  try {
    const [source, destination] = await Promise.all(
      [15, 17].map((version) => servers.fleet.create({ name: `pg${version}`, version, flags: {} })),
    );
    if (!source || !destination) throw new Error('The two servers were not made.');
    await Promise.all([source, destination].map((cluster) => build(cluster, rows)));
    for (const cluster of [source, destination]) await cluster.configure(replicating, true);
    await subscribe(source, destination);
    const built = await countAll([source, destination]);
    say(`${gb} GB: ${built.rows.toLocaleString('en-US')} rows, ${(built.bytes / 1e9).toFixed(2)} GB on each side`);
    const factories = { source: addressOf(source), destination: addressOf(destination) };
    const validator = createValidator(factories);
    const signal = new AbortController().signal;
    const compare = (live: boolean) =>
      validator.compare({
        databases: ['bench'],
        live,
        sequences: false,
        expected: [],
        connections: how.connections,
        parts: 'rows',
        signal,
      });
    await sql(source, `select pg_create_logical_replication_slot('${slots.feed}', 'test_decoding')`);
    for (const slot of Object.values(slots))
      await sql(destination, `select pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
    const prints = await withPairs(factories, 'bench', 1, signal, async ([pair]) => (pair ? (await coverageOf(pair)).prints : {}));
    const stopFirst = await writeTo(source, rows, how.rate);
    const live = await compare(true);
    await stopFirst();
    if (!live.equal) throw new Error('Equal sides were found different while changes flowed.');
    const feeds = { source: { open: feedOf(source) }, destination: { open: feedOf(destination) } };
    const proof = await DatabaseProof.open({ factories, feeds, database: 'bench', slots, flow: { from: 'source' }, prints, throttle: 50 });
    const rounds: Round[] = [];
    for (let round = 1; round <= how.rounds; round++) {
      const stop = await writeTo(source, rows, how.rate);
      const [cpu, began] = [await proofCpu(source), performance.now()];
      while (performance.now() - began < how.seconds * 1_000) {
        await proof.round();
        await pause(500);
      }
      const sourceCpu = ((await proofCpu(source)) - cpu) / ((performance.now() - began) / 1_000);
      const changesPerSecond = await stop();
      await drained(source, destination);
      const settling = performance.now();
      const settled = await proof.settle(signal);
      const proofMs = performance.now() - settling;
      const comparing = performance.now();
      const truth = await compare(false);
      const wholeMs = performance.now() - comparing;
      if (!truth.equal || settled.unequal.length + settled.whole.length > 0)
        throw new Error(`Equal sides were found different: ${JSON.stringify(settled)}`);
      rounds.push({ gb, round, changesPerSecond, openRows: settled.keys, proofMs, wholeMs, sourceCpu, load: loadavg()[0] ?? 0 });
    }
    await proof.close();
    return rounds;
  } finally {
    await servers.close();
    await rm(workDir, { recursive: true, force: true });
  }
}

async function subscribe(source: Cluster, destination: Cluster): Promise<void> {
  const dsn = ({ admin }: Cluster) => `host=${admin.host} port=${admin.port} dbname=bench user=${admin.user} password=${admin.password}`;
  for (const [cluster, name] of [
    [source, 'source'],
    [destination, 'destination'],
  ] as const) {
    await sql(cluster, 'create extension pglogical');
    await sql(cluster, `select pglogical.create_node('${name}', '${dsn(cluster)}')`);
  }
  await sql(source, `select pglogical.replication_set_add_all_tables('default', array['public', 'audience_data'])`);
  await sql(
    destination,
    `select pglogical.create_subscription('bench', '${dsn(source)}', array['default'], synchronize_structure := false, synchronize_data := false)`,
  );
  await sql(destination, `select pglogical.wait_for_subscription_sync_complete('bench')`);
}

/** Everything is applied, and the WAL of both is flushed: as it is after the drain of a run. */
async function drained(source: Cluster, destination: Cluster): Promise<void> {
  const poke = `select pg_logical_emit_message(true, 'bench', '')`;
  await sql(source, poke);
  const [end] = await sql(source, 'select pg_current_wal_flush_lsn()::text as lsn');
  for (;;) {
    const behind = await sql(
      source,
      `${poke} from pg_replication_slots where plugin = 'pglogical_output' and confirmed_flush_lsn < '${end?.['lsn']}'`,
    );
    if (behind.length === 0) break;
    await pause(20);
  }
  await sql(destination, poke);
}

/** CPU seconds of the source's sessions that work for the proof: the feed's and those that read rows again. */
async function proofCpu(source: Cluster): Promise<number> {
  const rows = await sql(source, `select pid from pg_stat_activity where application_name in ('pgupgrade-proof', 'pgupgrade-validate')`);
  let ticks = 0;
  for (const { pid } of rows) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // utime and stime are fields 14 and 15 of proc(5).
    for (const field of stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13))
      ticks += Number(field);
  }
  return ticks / 100;
}

function feedOf({ admin }: Cluster) {
  return async (database: string, applicationName: string) => {
    const client = new Client({ ...admin, database, application_name: applicationName, ...{ replication: 'database' } });
    await client.connect();
    return client;
  };
}

async function sql({ admin }: Cluster, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...admin, database: 'bench' });
  await client.connect();
  return client
    .query(text)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

/** Medians by size, as Markdown: the same table stands in the README. */
function tableOf(all: readonly Round[]): string {
  const head = [
    'size',
    'changes/s',
    'rows open at the stop',
    'proof, ms',
    'longest, ms',
    'every row compared, ms',
    'ratio',
    'source CPU, % of a core',
    'load',
  ];
  const lines = [...new Set(all.map(({ gb }) => gb))].map((gb) => {
    const of = all.filter((one) => one.gb === gb);
    const [proof, whole] = [median(of.map(({ proofMs }) => proofMs)), median(of.map(({ wholeMs }) => wholeMs))];
    return [
      `${gb} GB`,
      median(of.map(({ changesPerSecond }) => changesPerSecond)).toFixed(0),
      median(of.map(({ openRows }) => openRows)).toFixed(0),
      proof.toFixed(0),
      Math.max(...of.map(({ proofMs }) => proofMs)).toFixed(0),
      whole.toFixed(0),
      (proof / whole).toFixed(3),
      (median(of.map(({ sourceCpu }) => sourceCpu)) * 100).toFixed(1),
      median(of.map(({ load }) => load)).toFixed(1),
    ];
  });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
