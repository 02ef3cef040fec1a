import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runPatched } from '../../src/postgres/patched.ts';

async function sent(text: string, role?: string, failAt?: string): Promise<readonly string[]> {
  const statements: string[] = [];
  const execute = async (statement: string) => {
    statements.push(statement);
    if (statement === failAt) throw new Error('refused');
  };
  await runPatched(execute, text, role).catch((error: unknown) => {
    if (failAt === undefined) throw error;
  });
  return statements;
}

describe('the statements that Cloud SQL opens to its postgres', () => {
  it.each([
    'create extension if not exists pglogical',
    'alter user migration with replication',
    'alter role "wayback" noreplication',
    'alter role "a ""quoted"" name" with replication',
    'create publication p for all tables with (publish_via_partition_root = true)',
    "create subscription s connection 'host=x' publication p with (copy_data = false)",
    'drop subscription s',
  ])('run as they stand on the real cloud: %s', async (text) => {
    expect(await sent(text)).toEqual([text]);
  });

  it('run inside the patched role in the sandbox, which is left again', async () => {
    expect(await sent('drop publication p', 'cloudsqlpatched')).toEqual(['set role "cloudsqlpatched"', 'drop publication p', 'reset role']);
  });
  it('leave the patched role also when they fail', async () => {
    expect(await sent('drop publication p', 'cloudsqlpatched', 'drop publication p')).toContain('reset role');
  });
  it.each(['create extension pglogical', "create subscription s connection 'host=x' publication p with (create_slot = false)"])(
    'are handed to postgres in the transaction that makes them: whoever dies leaves all or nothing (%s)',
    async (text) => {
      const [begin, role, made, handedOver, ...end] = await sent(text, 'cloudsqlpatched');
      expect([begin, role, made, ...end]).toEqual(['begin', 'set local role "cloudsqlpatched"', text, 'commit']);
      expect(handedOver).toContain('session_user');
      expect(await sent(text, 'cloudsqlpatched', handedOver)).toEqual([begin, role, made, handedOver, 'rollback']);
    },
  );

  it.each([
    'drop table campaign',
    'alter role migration superuser',
    'create extension pg_cron',
    'create publication p for table campaign',
    'alter role a with replication; drop table campaign',
    'grant cloudsqlsuperuser to migration',
  ])('nothing else gets their help: %s', async (text) => {
    await expect(sent(text, 'cloudsqlpatched')).rejects.toMatchObject({ code: 'postgres.not-patched' });
  });
});

describe('the patched role', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const naming = (pattern: RegExp) => files.filter((file) => pattern.test(readFileSync(join('src', file), 'utf8'))).sort();

  it('is set by one function, which one session calls', () => {
    expect(naming(/runPatched/)).toEqual(['postgres/patched.ts', 'postgres/session.ts']);
  });
  it('is handed through only, on its way from the environment to that function', () => {
    const users = naming(/patchedRole/i);
    expect(users).toContain('postgres/session.ts');
    expect(
      users.filter((file) => file.startsWith('steps/') || (file.startsWith('postgres/') && !/(session|connect)\.ts$/.test(file))),
    ).toEqual([]);
  });
});
