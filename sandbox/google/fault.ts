/** A refusal in Google's form: HTTP code, canonical status, and the `reason` that sqladmin adds. */
export class Refusal extends Error {
  readonly code: number;
  readonly status: string;
  readonly reason: string;
  readonly details: readonly object[];
  constructor(
    code: number,
    status: string,
    message: string,
    options: { readonly reason?: string; readonly details?: readonly object[] } = {},
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.reason = options.reason ?? status.toLowerCase();
    this.details = options.details ?? [];
  }
}

export function notFound(what: string): Refusal {
  return new Refusal(404, 'NOT_FOUND', `Resource '${what}' was not found`, { reason: 'notFound' });
}
export function invalid(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message, { reason: 'invalid' });
}
export function precondition(message: string): Refusal {
  return new Refusal(400, 'FAILED_PRECONDITION', message, { reason: 'failedPrecondition' });
}
export function exists(message: string): Refusal {
  return new Refusal(409, 'ALREADY_EXISTS', message, { reason: 'alreadyExists' });
}

/** Trouble on purpose. `times` (1 where nothing is said) is how often, `skip` how many are let pass before. */
export type Fault = { readonly times?: number; readonly skip?: number } & (
  | { /** The work is done, the answer is lost: the socket is reset. */ readonly kind: 'lose-answer'; readonly method: string }
  | { /** 503 before anything is done; every method where none is named. */ readonly kind: 'unavailable'; readonly method?: string }
  | { /** 403 before anything is done, as to somebody whose role was taken away. */ readonly kind: 'refuse'; readonly method: string }
  | { /** The work is done, DONE is said later. */ readonly kind: 'hold'; readonly operation: string; readonly ms: number }
  | {
      /** The operation ends with an error and nothing is done. */ readonly kind: 'fail-operation';
      readonly operation: string;
      readonly message: string;
    }
);

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** The fault that strikes now, counted. `subject` is a method id or an operation's type or verb. */
  strike<K extends Fault['kind']>(kind: K, subject: string): Extract<Fault, { kind: K }> | undefined;
}

export function createFaults(initial: readonly Fault[]): Faults {
  let armed: { fault: Fault; skip: number; left: number }[] = [];
  const add = (fault: Fault) => {
    armed.push({ fault, skip: fault.skip ?? 0, left: fault.times ?? 1 });
  };
  for (const fault of initial) add(fault);
  return {
    add,
    clear() {
      armed = [];
    },
    strike(kind, subject) {
      const concerned = (fault: Fault) => {
        const wanted = 'operation' in fault ? fault.operation : fault.method;
        return wanted === undefined || wanted === subject || subject.endsWith(`.${wanted}`);
      };
      const found = armed.find(({ fault, left }) => left > 0 && fault.kind === kind && concerned(fault));
      if (!found) return undefined;
      if (found.skip > 0) {
        found.skip -= 1;
        return undefined;
      }
      found.left -= 1;
      return found.fault as Extract<Fault, { kind: typeof kind }>;
    },
  };
}
