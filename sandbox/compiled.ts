import { fileURLToPath } from 'node:url';

/** Tests run the sandbox from TypeScript; bot, worker and pods are always what `npm run build` made. */
const fromTypeScript = import.meta.url.endsWith('.ts');

/** The path of a compiled file, e.g. `src/main.js`. */
export function compiled(file: string): string {
  return fileURLToPath(new URL(fromTypeScript ? `../dist/${file}` : `../${file}`, import.meta.url));
}

/** The path of something at the project's top, e.g. `services`. */
export function ofProject(name: string): string {
  return fileURLToPath(new URL(fromTypeScript ? `../${name}` : `../../${name}`, import.meta.url));
}
