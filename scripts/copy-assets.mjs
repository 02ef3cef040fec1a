// What tsc does not emit: pages and SQL of the sandbox.
import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

for (const entry of await readdir('sandbox', { recursive: true })) {
  if (!/\.(html|css|sql|sh|svg|js)$/.test(entry)) continue;
  const target = join('dist/sandbox', entry);
  await mkdir(dirname(target), { recursive: true });
  await cp(join('sandbox', entry), target);
}
