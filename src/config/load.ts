import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { Refused } from '../errors.ts';
import { Service } from './schema.ts';

/** One service file's text → the service. All problems at once, each with its path: Refused `service.invalid`. */
export function parseService(text: string, file: string): Service {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0)
    throw new Refused(
      'service.invalid',
      `${file} is no valid YAML: ${document.errors.map(({ message }) => message.split('\n')[0]).join('; ')}.`,
    );
  const parsed = Service.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(file)'}: ${message}`);
  throw new Refused(
    'service.invalid',
    `${file} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
  );
}

/** Every service file (`*.yaml`, `*.yml`) of a folder, by service name. */
export async function loadServices(folder: string): Promise<ReadonlyMap<string, Service>> {
  const names = await readdir(folder).catch(() => {
    throw new Refused('services.unreadable', `The folder ${folder} with the service files cannot be read: set SERVICES_DIR.`);
  });
  const services = new Map<string, Service>();
  for (const name of names.filter((one) => /\.ya?ml$/.test(one)).sort()) {
    const service = parseService(await readFile(join(folder, name), 'utf8'), name);
    if (services.has(service.service))
      throw new Refused('service.twice', `${name} describes the service ${service.service}, which another file describes already.`);
    services.set(service.service, service);
  }
  if (services.size === 0) throw new Refused('services.none', `The folder ${folder} has no service file (*.yaml).`);
  return services;
}

/** For editors: what a service file may say. */
export function serviceSchema(): object {
  return z.toJSONSchema(Service, { io: 'input', unrepresentable: 'any' });
}
