import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A copy of the project's service files in which every write stop has this deadline (`600s`). */
export async function servicesWithDeadline(deadline: string): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pgupgrade-services-'));
  await cp(join(import.meta.dirname, '../../services'), folder, { recursive: true });
  const file = join(folder, 'inapp.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/deadline: \w+/, `deadline: ${deadline}`));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
