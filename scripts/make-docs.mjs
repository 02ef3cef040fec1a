// Writes what the code knows into README.md (between its markers) and services/service.schema.json. After `npm run build`.
import { readFile, writeFile } from 'node:fs/promises';
import { verbTable } from '../dist/src/commands/table.js';
import { serviceSchema } from '../dist/src/config/load.js';
import { stepTable } from '../dist/src/engine/step-table.js';
import { runbook } from '../dist/src/runbook.js';

let readme = await readFile('README.md', 'utf8');
for (const [name, table] of Object.entries({ steps: stepTable(runbook), verbs: verbTable() })) {
  const [before, rest] = readme.split(`<!-- ${name} -->\n`);
  const after = rest?.split(`<!-- /${name} -->`)[1];
  if (after === undefined) throw new Error(`README.md has no markers <!-- ${name} --> and <!-- /${name} -->.`);
  readme = `${before}<!-- ${name} -->\n${table}\n<!-- /${name} -->${after}`;
}
await writeFile('README.md', readme);
await writeFile('services/service.schema.json', `${JSON.stringify(serviceSchema(), null, 2)}\n`);
