import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { explainVerification, verificationErrors } from '../../src/gcp/verification.ts';

test('findings are collected from the error, the metadata and the job, wherever they stand', () => {
  const operation = {
    error: { code: 9, message: 'x', details: [{ '@type': 't', errorCode: 'INVALID_WAL_LEVEL', errorMessage: 'wal_level is replica' }] },
    metadata: { nested: [{ errorCode: 'TABLES_WITH_LIMITED_SUPPORT', errorMessage: 'public.t' }] },
  };
  expect(verificationErrors(operation)).toEqual([
    { errorCode: 'INVALID_WAL_LEVEL', errorMessage: 'wal_level is replica' },
    { errorCode: 'TABLES_WITH_LIMITED_SUPPORT', errorMessage: 'public.t' },
  ]);
  expect(verificationErrors({ error: { details: [{ errorCode: 'EXISTING_DATA' }] } })).toEqual([
    { errorCode: 'EXISTING_DATA', errorMessage: '' },
  ]);
  expect(verificationErrors({ done: true })).toEqual([]);
});

test('a finding becomes a sentence with a remedy; a missing primary key only warns', () => {
  expect(explainVerification({ errorCode: 'INVALID_WAL_LEVEL', errorMessage: 'it is replica.' })).toEqual({
    severity: 'error',
    sentence: 'wal_level of the source is not logical: it is replica.',
    remedy: expect.stringContaining('cloudsql.logical_decoding') as string,
  });
  expect(explainVerification({ errorCode: 'TABLES_WITH_LIMITED_SUPPORT', errorMessage: '' }).severity).toBe('warning');
});

test('an unknown code is shown as it came', () => {
  expect(explainVerification({ errorCode: 'SOMETHING_NEW', errorMessage: 'words' }).sentence).toContain('SOMETHING_NEW: words.');
});

const discovery = process.env['DISCOVERY_DOCS'] ?? '../shared/discovery';
test.skipIf(!existsSync(discovery))('every code of the official schema has its own sentence', () => {
  const schemas = JSON.parse(readFileSync(`${discovery}/datamigration__v1.json`, 'utf8')).schemas;
  const codes: string[] = schemas.MigrationJobVerificationError.properties.errorCode.enum;
  for (const errorCode of codes) expect(explainVerification({ errorCode, errorMessage: '' }).sentence).not.toContain(errorCode);
});
