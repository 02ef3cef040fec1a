import type { Json } from './types.ts';

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An array's items, or nothing where it is none. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A string field, `''` where it is absent or of another type. */
export function text(value: Json, key: string): string {
  const found = value[key];
  return typeof found === 'string' ? found : '';
}

/** An object field, `{}` where it is absent or of another type. */
export function object(value: Json, key: string): Json {
  const found = value[key];
  return isObject(found) ? found : {};
}

/** Web API arguments arrive form-encoded, their structures as JSON texts; `undefined` where the text is no JSON. */
export function structure(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** Slack's booleans: true, "true", 1, "1". */
export function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === 1 || value === '1';
}
