/** HCL as `terraform fmt` leaves it: two spaces, `=` of neighbouring lines aligned, nested blocks set apart by an empty line. */

export type HclValue = string | number | boolean | readonly HclValue[] | { readonly [key: string]: HclValue } | Reference;
/** An expression that is not quoted: `google_sql_database_instance.x`. */
export interface Reference {
  readonly reference: string;
}
export interface Block {
  readonly type: string;
  readonly labels?: readonly string[];
  readonly attributes?: Readonly<Record<string, HclValue | undefined>>;
  readonly blocks?: readonly Block[];
}

/** One file of top-level blocks. */
export function hcl(blocks: readonly Block[]): string {
  return `${blocks.map((block) => lines(block, 0).join('\n')).join('\n\n')}\n`;
}

function lines(block: Block, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const head = `${indent}${[block.type, ...(block.labels ?? []).map((label) => JSON.stringify(label))].join(' ')} {`;
  const present = Object.entries(block.attributes ?? {}).filter((entry): entry is [string, HclValue] => entry[1] !== undefined);
  const single = present.filter(([, value]) => !isMap(value));
  const parts: string[][] = [];
  if (single.length > 0) parts.push(aligned(single, depth + 1));
  for (const [name, value] of present)
    if (isMap(value)) parts.push([`${indent}  ${name} = {`, ...aligned(Object.entries(value), depth + 2), `${indent}  }`]);
  for (const inner of block.blocks ?? []) parts.push(lines(inner, depth + 1));
  if (parts.length === 0) return [`${head}}`];
  return [head, ...parts.flatMap((part, index) => (index === 0 ? part : ['', ...part])), `${indent}}`];
}

function aligned(entries: readonly (readonly [string, HclValue])[], depth: number): string[] {
  const names = entries.map(([name]) => (/^[A-Za-z_][\w-]*$/.test(name) ? name : quoted(name)));
  const width = Math.max(...names.map((name) => name.length));
  return entries.map(([, value], index) => `${'  '.repeat(depth)}${(names[index] ?? '').padEnd(width)} = ${expression(value)}`);
}

function expression(value: HclValue): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(expression).join(', ')}]`;
  if (isReference(value)) return value.reference;
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${name} = ${expression(inner)}`)
    .join(', ')} }`;
}

/** `${` and `%{` would begin a template. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/([$%])\{/g, '$1$1{');
}

function isList(value: HclValue): value is readonly HclValue[] {
  return Array.isArray(value);
}
function isReference(value: HclValue): value is Reference {
  return typeof value === 'object' && !isList(value) && typeof (value as Reference).reference === 'string';
}
function isMap(value: HclValue): value is { readonly [key: string]: HclValue } {
  return typeof value === 'object' && !isList(value) && !isReference(value);
}
