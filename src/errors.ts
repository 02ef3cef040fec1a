/**
 * Errors have three fates. Who throws decides the fate; the engine acts on it.
 * `code` is stable (`postgres.permission-denied`), `message` says what and on which object, `remedy` what to do next.
 */

/** Nobody has to act: the job is tried again with back-off. */
export class Transient extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  constructor(code: string, message: string, options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Transient';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * The channel has to act: the step stops with Retry, Skip (where allowed) and Abort. `tables`: what people see beside it, first row the
 * head. `restartCopy`: a copy that is begun anew makes it good.
 */
export class NeedsHuman extends Error {
  readonly code: string;
  readonly remedy: string;
  readonly tables: readonly NamedTable[];
  readonly restartCopy: boolean;
  constructor(
    code: string,
    message: string,
    options: {
      readonly remedy: string;
      readonly cause?: unknown;
      readonly tables?: readonly NamedTable[];
      readonly restartCopy?: true;
    },
  ) {
    super(message, { cause: options.cause });
    this.name = 'NeedsHuman';
    this.code = code;
    this.remedy = options.remedy;
    this.tables = options.tables ?? [];
    this.restartCopy = options.restartCopy ?? false;
  }
}
interface NamedTable {
  readonly title: string;
  readonly table: readonly (readonly string[])[];
}

/** The maintainers have to act: an invariant is broken and the run stops. */
export class Fatal extends Error {
  readonly code: string;
  constructor(code: string, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Fatal';
    this.code = code;
  }
}

/** What a person typed or clicked cannot be done; nothing was changed. Shown to that person alone. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'Refused';
    this.code = code;
  }
}
