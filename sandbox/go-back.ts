import { type Observed, observe } from './observe.ts';
import { run } from './servers/command.ts';
import type { World } from './world.ts';

/** What an outsider saw of both moves: to the new server and back. */
export interface WentBack {
  readonly run: string;
  readonly ended: string;
  readonly tookMs: number;
  readonly observed: Observed;
  /** Writes that the new server acknowledged between the two moves. */
  readonly writtenOnNew: number;
  /** Statements of the old server's schema that are there or missing now and were not before; partitions that the service made are its own. */
  readonly schemaDiffers: readonly string[];
}

/** A picture of the environment before its upgrade; gives what types the rollback once the new server has been written to. */
export async function prepareToGoBack(world: World, environment: string) {
  const before = await schemaOf(world, environment);
  const source = world.source(environment);
  const writtenElsewhere = () =>
    world.ledger.writes().filter(({ pod, server }) => pod.startsWith(`inapp-${environment}/`) && server !== source?.host).length;

  return async (
    say: (line: string) => Promise<{ readonly run: string; readonly ended: string; readonly outages: Parameters<typeof observe>[2] }>,
  ): Promise<WentBack> => {
    await writes(world, writtenElsewhere, 200);
    const began = Date.now();
    const { run: name, ended, outages } = await say(`/pgupgrade rollback ${environment} "the demo goes back"`);
    await world.settled(environment);
    const observed = await observe(world, environment, outages);
    const after = await schemaOf(world, environment);
    return {
      run: name,
      ended,
      tookMs: Date.now() - began,
      observed,
      writtenOnNew: writtenElsewhere(),
      schemaDiffers: [...before.filter((line) => !after.includes(line)), ...after.filter((line) => !before.includes(line))],
    };
  };
}

export function isGood({ ended, observed, writtenOnNew, schemaDiffers }: WentBack): boolean {
  return ended === 'rolled-back' && observed.lost.length === 0 && observed.doubled === 0 && writtenOnNew > 0 && schemaDiffers.length === 0;
}

/** Resolves once that many more writes were acknowledged. */
async function writes(world: World, count: () => number, more: number): Promise<void> {
  const wanted = count() + more;
  await new Promise<void>((resolve) => {
    const off = world.watch.subscribe(() => {
      if (count() < wanted) return;
      off();
      resolve();
    });
  });
}

/** `pg_dump --schema-only`, statement by statement. */
async function schemaOf(world: World, environment: string): Promise<readonly string[]> {
  const source = world.source(environment);
  if (!source) throw new Error(`there is no source of ${environment}`);
  const { user, password, host, port } = source.admin;
  const text = await run({
    program: world.servers.fleet.program(source.version, 'pg_dump'),
    args: ['--schema-only', '--dbname', `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/inapp?sslmode=disable`],
  });
  return text
    .split(/;\n/)
    .map((statement) => statement.replaceAll(/^(--.*|\\.*|)\n/gm, '').trim())
    .filter((statement) => statement !== '' && !/\bmember_\d+/.test(statement));
}
