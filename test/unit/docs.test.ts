import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { verbTable } from '../../src/commands/table.ts';
import { serviceSchema } from '../../src/config/load.ts';
import { stepTable } from '../../src/engine/step-table.ts';
import { runbook } from '../../src/runbook.ts';

const read = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
const again = 'is not what the code says: run "npm run docs"';

it.each([
  ['steps', () => stepTable(runbook)],
  ['verbs', verbTable],
])('the README’s table of %s is the code’s', async (name, table) => {
  const shown = (await read('README.md')).split(`<!-- ${name} -->\n`)[1]?.split(`\n<!-- /${name} -->`)[0];
  expect(shown, `README.md ${again}`).toBe(table());
});

it('the schema that editors use for a service file is the one that the bot checks it by', async () => {
  expect(JSON.parse(await read('services/service.schema.json')), `services/service.schema.json ${again}`).toEqual(serviceSchema());
});
