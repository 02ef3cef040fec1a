import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiled } from '../../sandbox/compiled.ts';
import { openWorld, type World } from '../../sandbox/world.ts';
import type { Finding } from '../../src/doctor/findings.ts';

let world: World;
let workDir = '';
beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-doctor-'));
  await chmod(workDir, 0o755);
  world = await openWorld({ workDir, environments: ['staging'], scale: 1 });
  await world.settled('staging');
});
afterAll(async () => {
  await world?.close();
  await rm(workDir, { recursive: true, force: true });
});

/** The command as people run it. */
async function doctor(more: Readonly<Record<string, string>> = {}, args: readonly string[] = ['staging']) {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...world.environment, ...more };
  return new Promise<{ readonly code: number; readonly findings: readonly Finding[]; readonly said: string }>((resolve) => {
    execFile(process.execPath, [compiled('src/cli.js'), 'doctor', ...args, '--json'], { env }, (error, stdout, stderr) => {
      const code = error && typeof error.code === 'number' ? error.code : error ? -1 : 0;
      resolve({ code, findings: stdout.startsWith('{') ? JSON.parse(stdout).findings : [], said: stdout + stderr });
    });
  });
}
const project = 'ems-mobile-engage-staging';
const bad = (findings: readonly Finding[]) =>
  findings
    .filter(({ verdict }) => verdict === 'wrong' || verdict === 'unseen')
    .map(({ what, verdict, message, fix }) => `${verdict} ${what}: ${message} | ${fix ?? ''}`);

describe('the doctor', () => {
  test('finds nothing wrong with the sandbox, changes nothing and leaves nothing behind', async () => {
    const messages = world.slack.state.messages.length;
    const { code, findings, said } = await doctor();
    expect(bad(findings)).toEqual([]);
    expect(code, said).toBe(0);
    const looked = findings.map(({ area, what }) => `${area}: ${what}`);
    for (const what of [
      'Slack: scopes',
      'Slack: Socket Mode',
      'Redis: durability',
      'inapp staging: database login',
      'inapp staging: workload inapp-web',
    ])
      expect(looked).toContain(what);
    expect(world.slack.state.messages).toHaveLength(messages);
    const changing = world.google.log.filter(
      ({ verb, id }) => verb !== 'GET' && id !== 'cloudresourcemanager.projects.testIamPermissions' && id !== 'metadata',
    );
    expect(changing.map(({ id }) => id)).toEqual([]);
    expect(world.google.log.filter(({ violations }) => violations.length > 0)).toEqual([]);
  });

  test('ends with 2 where it could not look, and with a sentence where it was asked wrongly', async () => {
    const away = await doctor({ REDIS_URL: 'redis://127.0.0.1:9', SLACK_API_URL: 'http://127.0.0.1:9/api/' });
    expect(away.code, away.said).toBe(2);
    expect(bad(away.findings).every((line) => line.startsWith('unseen'))).toBe(true);
    const moon = await doctor({}, ['moon']);
    expect(moon.code).toBe(1);
    expect(moon.said).toContain('No service file has an environment "moon"');
  });

  test('names each fault with the line that mends it, and looks at the others all the same', async () => {
    const { google, kubernetes, deployments } = world;
    const redis = new Redis(world.servers.redis.url);
    await redis.config('SET', 'appendfsync', 'everysec');
    google.state.lacks.add('cloudsql.instances.create').add('datamigration.migrationjobs.promote');
    google.state.secrets.delete(`${project}/database-password-inapp-bigquery`);
    google.putSecret(project, 'database-password-inapp-postgres', 'not-it');
    kubernetes.autoscalers.push({
      metadata: { name: 'worker-scaler' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'inapp-worker' }, minReplicas: 2, maxReplicas: 8 },
    });
    const web = deployments.get('inapp-staging', 'inapp-web');
    if (!web) throw new Error('there is no inapp-web');
    deployments.change(web, { settings: { PG_INSTANCE_CONNECTION_NAME: undefined } });

    const { code, findings } = await doctor({ SLACK_APP_TOKEN: 'xapp-wrong' });
    await redis.config('SET', 'appendfsync', 'always');
    redis.disconnect();
    expect(code).toBe(1);
    const found = bad(findings);
    const said = (what: string) => found.filter((line) => line.startsWith(`wrong ${what}: `)).join('\n');
    const granted = (role: string) =>
      new RegExp(`gcloud projects add-iam-policy-binding ${project} --member=serviceAccount:\\S+ --role=roles/${role}$`, 'm');
    expect(said('Socket Mode')).toMatch(/Slack answers invalid_auth.* \| .*SLACK_APP_TOKEN \(xapp-…, scope connections:write\)/);
    expect(said('durability')).toMatch(/Redis has appendfsync everysec\. \| redis-cli CONFIG SET appendfsync always/);
    expect(said(`permissions in ${project}`)).toMatch(/cloudsql\.instances\.create is missing.*sqladmin\.instances\.insert\. \| gcloud/);
    expect(said(`permissions in ${project}`)).toMatch(granted('cloudsql.admin'));
    expect(said(`permissions in ${project}`)).toMatch(/datamigration\.migrationjobs\.promote is missing/);
    expect(said(`permissions in ${project}`)).toMatch(granted('datamigration.admin'));
    expect(said('secret database-password-inapp-bigquery')).toMatch(
      /does not exist.* \| .*gcloud secrets create database-password-inapp-bigquery/,
    );
    expect(said('database login')).toMatch(
      /postgres\.password-refused\) \| .*gcloud secrets versions add database-password-inapp-postgres/,
    );
    expect(said('workload inapp-worker')).toMatch(/worker-scaler.* \| Pause it before the cutover/);
    expect(said('workload inapp-web')).toMatch(/no setting PG_INSTANCE_CONNECTION_NAME.* \| .*workloads\.inapp-web\.connection/);
    expect(found).toHaveLength(8);
    expect(JSON.stringify(findings)).not.toContain('not-it');
    expect(findings.some(({ what, verdict }) => what === 'workload device-event' && verdict === 'ok')).toBe(true);
  });
});
