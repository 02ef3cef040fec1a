// What tsc does not emit: pages, SQL and schemas of the sandbox.
import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

for (const entry of await readdir('sandbox', { recursive: true })) {
  if (!/\.(html|css|sql|sh|svg|js|json)$/.test(entry)) continue;
  const target = join('dist/sandbox', entry);
  await mkdir(dirname(target), { recursive: true });
  await cp(join('sandbox', entry), target);
}
