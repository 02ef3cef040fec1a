/** Tests run the sandbox from TypeScript; bot, worker and pods are always what `npm run build` made. */
const fromTypeScript = import.meta.url.endsWith('.ts');

/** The path of a compiled file, e.g. `src/main.js`. */
export function compiled(file: string): string {
  return new URL(fromTypeScript ? `../dist/${file}` : `../${file}`, import.meta.url).pathname;
}

/** The path of something at the project's top, e.g. `services`. */
export function ofProject(name: string): string {
  return new URL(fromTypeScript ? `../${name}` : `../../${name}`, import.meta.url).pathname;
}
