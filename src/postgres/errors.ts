import { DatabaseError } from 'pg';
import { Fatal, NeedsHuman, Refused, Transient } from '../errors.ts';

/** Where an error happened, for its message. */
export interface Where {
  readonly side: string;
  readonly database: string;
  readonly user?: string;
  /** This process gave up (lease lost, pause, shutdown): what the server answers then is our own doing. */
  readonly aborted?: boolean;
}

const transient: Readonly<Record<string, { readonly code: string; readonly retryAfterMs?: number }>> = {
  '57P01': { code: 'postgres.server-stopping', retryAfterMs: 2_000 },
  '57P02': { code: 'postgres.server-stopping', retryAfterMs: 2_000 },
  '57P03': { code: 'postgres.server-starting', retryAfterMs: 1_000 },
  '57P05': { code: 'postgres.session-ended' },
  '25P03': { code: 'postgres.session-ended' },
  '40001': { code: 'postgres.serialization' },
  '40P01': { code: 'postgres.deadlock' },
  '55P03': { code: 'postgres.lock-timeout' },
  '53300': { code: 'postgres.too-many-connections', retryAfterMs: 2_000 },
};

const human: Readonly<Record<string, { readonly code: string; readonly remedy: string }>> = {
  '42501': { code: 'postgres.permission-denied', remedy: 'Give the user the missing right, then retry.' },
  '28P01': { code: 'postgres.password-refused', remedy: 'Put the current password into the user’s secret, then retry.' },
  '28000': { code: 'postgres.login-refused', remedy: 'Let the user log in (LOGIN, CONNECT, IAM flag), then retry.' },
  '3D000': { code: 'postgres.database-missing', remedy: 'Compare the service file’s databases with the instance, then retry.' },
  '3F000': { code: 'postgres.object-missing', remedy: 'Compare the service file’s schemas with the database, then retry.' },
  '42P01': { code: 'postgres.object-missing', remedy: 'Look whether the table was dropped or renamed, then retry.' },
  '42704': { code: 'postgres.object-missing', remedy: 'Look whether the object was dropped or renamed, then retry.' },
  '42703': { code: 'postgres.object-missing', remedy: 'Look whether the column was dropped or renamed, then retry.' },
  '2BP01': { code: 'postgres.depended-on', remedy: 'Look at what depends on the object, remove that first, then retry.' },
  '23505': { code: 'postgres.duplicate-rows', remedy: 'Remove the duplicate rows, then retry.' },
  '25006': { code: 'postgres.read-only', remedy: 'Look why the server refuses writes (replica, full disk), then retry.' },
  '53100': { code: 'postgres.disk-full', remedy: 'Give the instance more disk, then retry.' },
  '57014': { code: 'postgres.statement-timeout', remedy: 'Retry when the server is less busy.' },
};

const lostConnection = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ECONNABORTED',
]);
/** `pg` gives these no code. */
const lostConnectionText =
  /connection terminated|timeout expired|timeout exceeded|not queryable|socket (hang up|disconnected)|client has already been/i;
const tlsText = /certificate|does not support SSL|TLS|SSL/;

/**
 * Any error of a session as one of the three fates: SQLSTATE and socket errors that pass by themselves are Transient,
 * everything else NeedsHuman. Errors that have a fate already pass unchanged. The server's DETAIL is left out: it holds row values.
 */
export function classified(error: unknown, where: Where): Error {
  if (error instanceof Transient || error instanceof NeedsHuman || error instanceof Fatal || error instanceof Refused) return error;
  const at = `on the ${where.side}, database ${where.database}${where.user === undefined ? '' : `, as user ${where.user}`}`;
  const said = messageOf(error);
  if (where.aborted) return new Transient('postgres.cancelled', `The work ${at} was cancelled because this execution ended.`);
  if (error instanceof DatabaseError) return serverError(error, said, at);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (lostConnection.has(code) || lostConnectionText.test(said))
    return new Transient('postgres.unreachable', `No connection ${at}: ${said}.`, { retryAfterMs: 1_000 });
  if (code === 'ENOTFOUND')
    return new NeedsHuman('postgres.address-unknown', `No connection ${at}: ${said}.`, {
      remedy: 'Check the address and the DNS, then retry.',
    });
  if (code.startsWith('ERR_TLS') || tlsText.test(`${code} ${said}`))
    return new NeedsHuman('postgres.tls', `No TLS connection ${at}: ${said}.`, {
      remedy: 'Compare the instance’s server CA with the certificate that the server shows, then retry.',
    });
  return new NeedsHuman('postgres.unclassified', `Unexpected error ${at}: ${said}.`, {
    remedy: 'Read the error, then retry or abort.',
    cause: error,
  });
}

/** The SQLSTATE that the server gave, also of an error that has been classified. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof DatabaseError) return error.code;
  if (error instanceof Error && error.cause instanceof Error && 'sqlState' in error.cause && typeof error.cause.sqlState === 'string')
    return error.cause.sqlState;
  return undefined;
}

function serverError(error: DatabaseError, said: string, at: string): Error {
  const state = error.code ?? '';
  // Not the error itself: its detail, where and internalQuery can hold row values and passwords.
  const cause = Object.assign(new Error(said), { sqlState: state });
  const message = `${said} (${at}; SQLSTATE ${state}).`;
  const passing = transient[state];
  if (passing) return new Transient(passing.code, message, { ...passing, cause });
  if (state.startsWith('08')) return new Transient('postgres.unreachable', message, { retryAfterMs: 1_000, cause });
  const known = human[state];
  return new NeedsHuman(known?.code ?? 'postgres.unclassified', message, {
    remedy: known?.remedy ?? 'Read the error, then retry or abort.',
    cause,
  });
}

function messageOf(error: unknown): string {
  // An AggregateError (several addresses tried) has an empty message of its own.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}
