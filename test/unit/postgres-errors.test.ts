import { DatabaseError } from 'pg';
import { describe, expect, it } from 'vitest';
import { Fatal, NeedsHuman, Transient } from '../../src/errors.ts';
import { classified, sqlState } from '../../src/postgres/errors.ts';

const where = { side: 'source', database: 'inapp' } as const;

function server(code: string, message = 'what the server says', detail?: string): DatabaseError {
  const error = new DatabaseError(message, message.length, 'error');
  error.code = code;
  error.detail = detail;
  return error;
}
function socket(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

describe('an error of a session has one of three fates', () => {
  it.each([
    ['08006', 'postgres.unreachable'],
    ['57P01', 'postgres.server-stopping'],
    ['57P03', 'postgres.server-starting'],
    ['40001', 'postgres.serialization'],
    ['40P01', 'postgres.deadlock'],
    ['55P03', 'postgres.lock-timeout'],
    ['53300', 'postgres.too-many-connections'],
  ])('SQLSTATE %s passes by itself: %s', (state, code) => {
    const error = classified(server(state), where);
    expect(error).toBeInstanceOf(Transient);
    expect(error).toMatchObject({ code });
  });

  it.each([
    ['42501', 'postgres.permission-denied'],
    ['28P01', 'postgres.password-refused'],
    ['28000', 'postgres.login-refused'],
    ['3D000', 'postgres.database-missing'],
    ['42P01', 'postgres.object-missing'],
    ['2BP01', 'postgres.depended-on'],
    ['57014', 'postgres.statement-timeout'],
    ['XX000', 'postgres.unclassified'],
  ])('SQLSTATE %s needs a person: %s', (state, code) => {
    const error = classified(server(state), where);
    expect(error).toBeInstanceOf(NeedsHuman);
    expect(error).toMatchObject({ code });
    expect((error as NeedsHuman).remedy).not.toBe('');
  });

  it.each(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT'])('a lost connection (%s) passes by itself', (code) => {
    expect(classified(socket(code), where)).toMatchObject({ name: 'Transient', code: 'postgres.unreachable' });
  });
  it.each(['Connection terminated unexpectedly', 'timeout expired', 'Client has encountered a connection error and is not queryable'])(
    "pg's own words without a code are known: %s",
    (message) => {
      expect(classified(new Error(message), where)).toMatchObject({ code: 'postgres.unreachable' });
    },
  );
  it('a refused certificate needs a person', () => {
    expect(classified(socket('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'), where)).toMatchObject({
      name: 'NeedsHuman',
      code: 'postgres.tls',
    });
  });
  it('every address refused is told, although the collected error says nothing itself', () => {
    const error = classified(
      Object.assign(new AggregateError([socket('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:5432')], ''), { code: 'ECONNREFUSED' }),
      where,
    );
    expect(error).toMatchObject({ code: 'postgres.unreachable' });
    expect(error.message).toContain('10.0.0.1');
  });
});

describe('messages', () => {
  it('say what, where and the SQLSTATE', () => {
    const { message } = classified(server('42501', 'permission denied for table campaign'), { ...where, user: 'bigquery' });
    expect(message).toBe('permission denied for table campaign (on the source, database inapp, as user bigquery; SQLSTATE 42501).');
  });
  it('never carry the detail of the server, which holds row values', () => {
    const error = classified(server('23505', 'duplicate key value', 'Key (email)=(a@b.c) already exists.'), where);
    expect(JSON.stringify([error, error.message, error.cause, Object.values(error.cause as object)])).not.toContain('a@b.c');
  });
  it('keep the SQLSTATE for whoever asks', () => {
    expect(sqlState(classified(server('42710'), where))).toBe('42710');
    expect(sqlState(new Error('x'))).toBeUndefined();
  });
});

it('our own abort is never told as a failure of the server', () => {
  expect(classified(server('57014'), { ...where, aborted: true })).toMatchObject({ name: 'Transient', code: 'postgres.cancelled' });
});
it('an error that has a fate keeps it', () => {
  const error = new Fatal('x.y', 'z');
  expect(classified(error, where)).toBe(error);
});
