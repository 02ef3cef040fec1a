/** One request as it came and was answered, secrets masked. */
export interface LogEntry {
  readonly at: string;
  /** Official method id, `metadata`, or '' where the path is none. */
  readonly id: string;
  readonly verb: string;
  readonly path: string;
  readonly request: unknown;
  readonly status: number;
  readonly response: unknown;
  /** Fields that the official schema does not have. */
  readonly violations: readonly string[];
}

/** What a person reads in a log; a violation stands out as `!!`. */
export function logLine(entry: LogEntry): string {
  return `${entry.violations.length > 0 ? '!! ' : ''}${entry.verb} ${entry.path} ${entry.status} ${entry.id}${entry.violations.length > 0 ? ` ${entry.violations.join('; ')}` : ''}`;
}

const secretFields = new Set(['password', 'rootPassword', 'clientKey', 'certPrivateKey', 'data', 'access_token']);

/** A copy in which no secret can be read; what is a string stays one, so that schemas still fit. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      secretFields.has(key) && typeof inner === 'string' ? 'c2VjcmV0' : withoutSecrets(inner),
    ]),
  );
}
