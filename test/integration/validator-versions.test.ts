import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../sandbox/servers/command.ts';
import { openPackages } from '../../sandbox/servers/packages.ts';
import { openNpmWorld } from '../support/npm-postgres.ts';
import { compareBatch, forgottenTypes } from '../support/validator-batch.ts';
import { seed } from '../support/validator-seed.ts';
import type { ValidatorWorld } from '../support/validator-world.ts';

let opened: ValidatorWorld | string;
beforeAll(async () => {
  opened = await openNpmWorld(13, 18);
});
afterAll(async () => {
  if (typeof opened === 'object') await opened.close();
});

describe('13 and 18, where rows are hashed by their text', () => {
  const between = (name: string, work: (pair: ValidatorWorld) => Promise<void>) =>
    test(name, async (context) => {
      if (typeof opened === 'string') return context.skip(opened);
      await work(opened);
    });

  between('random tables of all types that both have: every change is found, and nothing else', async (pair) => {
    const { differing, wrong } = await compareBatch(pair, 120, 13_018);
    expect(wrong).toEqual([]);
    expect(differing).toBeGreaterThanOrEqual(70);
  });

  between('no type of either server is left out', async (pair) => {
    expect([await forgottenTypes(pair, 'source'), await forgottenTypes(pair, 'destination')]).toEqual([[], []]);
  });

  between('what 18 restored from a dump of 13 is equal; what the versions changed is told with its reason', async (pair) => {
    // 13 has no bodies in SQL.
    const source = seed(200).source.map((statement) => statement.replace(/^create function (add|names_of).*$/gm, ''));
    await pair.rebuild({ source, destination: [source[0] ?? ''] });
    const packages = await openPackages();
    const login = (side: 'source' | 'destination') =>
      `host=${pair.admin[side].host} port=${pair.admin[side].port} user=${pair.admin[side].user} dbname=inapp`;
    const script = await run({ program: packages.program(17, 'pg_dump'), args: ['-d', login('source')] });
    await run({ program: packages.program(17, 'psql'), args: ['-q', '-v', 'ON_ERROR_STOP=1', '-d', login('destination')], input: script });
    await pair.on('destination', 'analyze');
    const verdict = await pair.compare();
    expect(verdict.objects).toEqual([]);
    expect(verdict.tables.filter((table) => !table.equal)).toEqual([]);
    expect(verdict.equal).toBe(true);
  });
});
