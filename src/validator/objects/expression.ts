type Node = string | Group;
interface Group {
  readonly open: '(' | '[';
  readonly items: readonly Node[];
}

/**
 * One spelling for what the parser takes for the same expression. PostgreSQL does not print everything as it reads it: after a dump
 * and a restore, which is how the destination got its schema, `x in ('a', 'b')` on a varchar has its casts at each element instead of at
 * the array, and `a between 1 and 2 and b` has lost a pair of parentheses (both measured). Only such pairs become alike: nested ANDs
 * or ORs are spliced, double parentheses dropped, casts of an array literal moved to its elements.
 */
export function canonicalExpression(tokens: readonly string[]): string {
  const nodes: Node[] = [];
  let rest = 0;
  while (rest < tokens.length) {
    const [items, end] = parsed(tokens, rest);
    nodes.push(...items);
    // A bracket that closes nothing is a sign like any other.
    if (end < tokens.length) nodes.push(tokens[end] ?? '');
    rest = end + 1;
  }
  return printed(simple(nodes));
}

function parsed(tokens: readonly string[], from: number): [Node[], number] {
  const items: Node[] = [];
  let i = from;
  for (; i < tokens.length; i++) {
    const each = tokens[i] ?? '';
    if (each === ')' || each === ']') break;
    if (each === '(' || each === '[') {
      const [inner, end] = parsed(tokens, i + 1);
      items.push({ open: each, items: inner });
      i = end;
    } else items.push(each);
  }
  return [items, i];
}

function simple(nodes: readonly Node[]): Node[] {
  const inner = nodes.map((node): Node => (typeof node === 'string' ? node : { open: node.open, items: simple(node.items) }));
  return spliced(castElements(inner.map(single)));
}

/** `((x))` is `(x)`. */
function single(node: Node): Node {
  const [only, more] = typeof node === 'string' ? [] : node.items;
  const double = typeof node !== 'string' && node.open === '(' && more === undefined && typeof only === 'object' && only.open === '(';
  return double ? single(only) : node;
}

/** `(ARRAY[a, b])::t[]` is `ARRAY[(a)::t, (b)::t]`. */
function castElements(nodes: readonly Node[]): Node[] {
  const done: Node[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    const [word, elements, more] = typeof node === 'object' && node.open === '(' ? node.items : [];
    const type = nodes[i + 1] === '::' ? arrayType(nodes, i + 2) : undefined;
    if (type && word === 'ARRAY' && typeof elements === 'object' && elements.open === '[' && more === undefined) {
      done.push('ARRAY', { open: '[', items: castEach(elements.items, type.of) });
      i = type.end;
    } else if (node !== undefined) done.push(node);
  }
  return done;
}

/** The element type of `t[]` at this place, and where it ends. */
function arrayType(nodes: readonly Node[], from: number): { readonly of: readonly Node[]; readonly end: number } | undefined {
  const of: Node[] = [];
  for (let i = from; i < nodes.length; i++) {
    const node = nodes[i];
    if (typeof node === 'object' && node.open === '[') return node.items.length === 0 && of.length > 0 ? { of, end: i } : undefined;
    const belongs = typeof node === 'object' || (node !== undefined && /^(["\p{L}]|\.$)/u.test(node) && !/^(AND|OR)$/.test(node));
    if (!belongs || node === undefined) return undefined;
    of.push(node);
  }
  return undefined;
}

function castEach(items: readonly Node[], type: readonly Node[]): Node[] {
  return operands(items, ',').flatMap((each, i) => {
    const [only, more] = each;
    const enclosed: Node = more === undefined && typeof only === 'object' && only.open === '(' ? only : { open: '(', items: each };
    return [...(i > 0 ? [','] : []), enclosed, '::', ...type];
  });
}

/** `((a AND b) AND c)` is `(a AND b AND c)`, and so for OR. A level with both, or with the AND of a BETWEEN, stays. */
function spliced(nodes: readonly Node[]): Node[] {
  const operator = pure(nodes);
  if (!operator) return [...nodes];
  return operands(nodes, operator).flatMap((each, i) => {
    const [only, more] = each;
    const inner = more === undefined && typeof only === 'object' && only.open === '(' && pure(only.items) === operator ? only.items : each;
    return [...(i > 0 ? [operator] : []), ...inner];
  });
}

function pure(nodes: readonly Node[]): 'AND' | 'OR' | undefined {
  const [and, or] = [nodes.includes('AND'), nodes.includes('OR')];
  return nodes.includes('BETWEEN') || and === or ? undefined : and ? 'AND' : 'OR';
}

function operands(nodes: readonly Node[], separator: string): Node[][] {
  const parts: Node[][] = nodes.length > 0 ? [[]] : [];
  for (const node of nodes) {
    if (node === separator) parts.push([]);
    else parts.at(-1)?.push(node);
  }
  return parts;
}

function printed(nodes: readonly Node[]): string {
  return nodes
    .map((node) => (typeof node === 'string' ? node : `${node.open}${printed(node.items)}${node.open === '(' ? ')' : ']'}`))
    .join(' ');
}
