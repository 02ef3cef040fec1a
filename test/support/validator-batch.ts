import fc from 'fast-check';
import { Client } from 'pg';
import { type Case, cases, changed, made, twin } from './validator-cases.ts';
import { madeTypes } from './validator-made-types.ts';
import { plainText, printed, settings, type Truth, truth } from './validator-oracle.ts';
import { builtIn, type ValueType, valueTypes } from './validator-values.ts';
import type { ValidatorWorld } from './validator-world.ts';

export interface BatchResult {
  /** Tables with a change that is one. */
  readonly differing: number;
  readonly equal: number;
  /** What the validator said otherwise than the plain look at every row, with what makes it happen again. */
  readonly wrong: readonly string[];
}

/**
 * Fills both databases with random tables that are equal but for one change each, lets the validator compare them in one run, and holds its
 * verdict against a plain look at every row: counts, keys, columns.
 */
export async function compareBatch(
  world: ValidatorWorld,
  size: number,
  seed: number,
  among: (type: ValueType) => boolean = () => true,
): Promise<BatchResult> {
  const oldest = Math.min(world.versions.source, world.versions.destination);
  const versions = `${world.versions.source} to ${world.versions.destination}`;
  const drawn = fc.sample(cases(valueTypes(oldest).filter(among)), { numRuns: size, seed });
  const tables = drawn.map((drawnCase, i) => ({ name: `t${i}`, drawnCase }));
  await world.rebuild({
    source: [madeTypes.source],
    destination: [madeTypes.destination],
  });
  const [source, destination] = await Promise.all([connected(world, 'source'), connected(world, 'destination')]);
  const expected = new Map<string, Truth>();
  try {
    for (const { name, drawnCase } of tables) {
      await source.query(made(name, drawnCase).join(';\n')).catch(told(name, drawnCase, seed));
      const rows = (await source.query({ text: `select ${list(drawnCase)} from ${name}`, rowMode: 'array', types: plainText })).rows;
      await destination.query(twin(name, drawnCase, rows).join(';\n')).catch(told(name, drawnCase, seed));
      const change = changed(name, drawnCase);
      // A key that is taken, a null in a key: then there is no change.
      if (change) await destination.query(change).catch(refusedByConstraint);
    }
    for (const { name, drawnCase } of tables) {
      const { columns, keys } = drawnCase;
      const [a, b] = await Promise.all([source, destination].map((client) => printed(client, name, columns, keys)));
      expected.set(`public.${name}`, truth(a ?? [], b ?? [], keys));
    }
  } finally {
    await Promise.all([source.end(), destination.end()]);
  }
  const verdict = await world.compare({ parts: 'rows' });
  const found = new Map(verdict.tables.map((table) => [table.table, table]));
  const wrong = tables.flatMap(({ name, drawnCase }) => {
    const right = expected.get(`public.${name}`);
    const table = found.get(`public.${name}`);
    const rows = table?.rows.map(
      ({ kind, key, columns }) => `${kind} ${JSON.stringify(Object.values(key))} ${columns.map(({ column }) => column).join()}`,
    );
    const said = table && { missing: table.missing, extra: table.extra, changed: table.changed, rows: rows?.sort() };
    const same = JSON.stringify(said) === JSON.stringify(right) && table?.equal === (right?.rows.length === 0);
    return same
      ? []
      : [`seed ${seed}, ${versions}: ${described(name, drawnCase)}\nsaid  ${JSON.stringify(said)}\nright ${JSON.stringify(right)}`];
  });
  const differing = [...expected.values()].filter(({ rows }) => rows.length > 0).length;
  return { differing, equal: tables.length - differing, wrong };
}

/** Batches one after the other, as one. */
export async function compareBatches(
  batches: readonly { readonly world: ValidatorWorld; readonly size: number; readonly seed: number }[],
): Promise<BatchResult> {
  const results: BatchResult[] = [];
  for (const { world, size, seed } of batches) results.push(await compareBatch(world, size, seed));
  return {
    differing: results.reduce((sum, { differing }) => sum + differing, 0),
    equal: results.reduce((sum, { equal }) => sum + equal, 0),
    wrong: results.flatMap(({ wrong }) => wrong),
  };
}

function list({ columns }: Case): string {
  return columns.map((_, i) => `c${i}`).join(', ');
}

function described(name: string, drawnCase: Case): string {
  return [...made(name, drawnCase), `-- there: ${changed(name, drawnCase)}`].join(';\n');
}

/** A literal that the server does not take is a mistake of the catalogue of values. */
function told(name: string, drawnCase: Case, seed: number): (error: unknown) => never {
  return (error) => {
    throw new Error(`seed ${seed}: ${String(error)}\n${described(name, drawnCase)}`, { cause: error });
  };
}

async function connected(world: ValidatorWorld, side: 'source' | 'destination'): Promise<Client> {
  const client = new Client({ connectionString: world.dsn(side) });
  await client.connect();
  await client.query(settings);
  return client;
}

function refusedByConstraint(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^23|^22/.test(code)) throw error;
}

/** Types that a column may have and that no batch would ever use: the catalogue of values is behind the server. */
export async function forgottenTypes(world: ValidatorWorld, side: 'source' | 'destination'): Promise<string[]> {
  const rows = await world.on(
    side,
    `select typname::text as name from pg_type
     where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typcategory <> 'A' and typrelid = 0
       -- what only the server itself writes
       and typname !~ '^(pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_brin_.*|gtsvector|pg_ddl_command)$'`,
  );
  return rows.map(({ name }) => String(name)).filter((name) => !Object.hasOwn(builtIn, name));
}
