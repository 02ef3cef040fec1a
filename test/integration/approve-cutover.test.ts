import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import { executeStep } from '../../src/engine/execute.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { disconnect } from '../../src/engine/moves.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { Runbook } from '../../src/engine/step.ts';
import { hindrances } from '../../src/postgres/connected.ts';
import type { Side } from '../../src/postgres/types.ts';
import { approveRollback } from '../../src/steps/roll-back/approve-rollback.ts';
import { approveCutover } from '../../src/steps/switch-to-the-new-instance/approve-cutover.ts';
import { createValidator } from '../../src/validator/compare.ts';
import { keepSchema } from '../../src/validator/schema-drift.ts';
import type { Workloads } from '../../src/workloads/types.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { executionOver, memoryLog } from '../support/memory-log.ts';
import { subscribe } from '../support/pglogical.ts';
import { type RecordingRun, recordingRun } from '../support/step-run.ts';

/** What would break the write stop is found while everybody writes, and named: on real servers that pglogical joins. */
let pair: Pair;
let target: Target;
const byHand: Partial<Workloads> = {
  driver: () => 'manual',
  observe: async () => undefined,
  undoneBy: async () => [],
  wanted: async () => undefined,
};
const rules = { keep: ['migration', 'wayback'], readers: [] };
const clean = { equal: true, tables: 2, rows: 100, bytes: 1_000, durationMs: 900, expected: 3, intended: ['3 owners: so far'] };

const clients = () => {
  const sessions = (side: 'source' | 'destination') => ({
    open: (database: string) => pair.as(side, database, 'postgres', passwords.postgres, 'pgupgrade/validator'),
  });
  const validator = createValidator({ source: sessions('source'), destination: sessions('destination') });
  return { target, postgres: pair.bot('approve-cutover'), workloads: byHand as Workloads, validator };
};
const asOwner = async (text: string) => {
  const owner = await pair.as('source', 'inapp', application);
  await owner.query(text);
  await owner.end();
};
const connectedAs = async (name: string, text: string, side: Side = 'source') => {
  const client = await pair.as(side, 'inapp', application, 'iam-token', name);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  await client.query(text);
  const alive = () =>
    client.query('select 1').then(
      () => true,
      () => false,
    );
  return { pid: rows[0]?.pid ?? 0, alive };
};
/** A run that has come to the gate, executed as a worker does it. */
async function gateOfRun() {
  const runbook: Runbook<ReturnType<typeof clients>> = [{ name: 'Switch', steps: [approveCutover] }];
  const shape = shapeOf(runbook);
  const steps = shape.map(({ id }) => id);
  const names = { run: 'PG-1', uid: 'ab12cd34', service: 'inapp', environment: 'staging', by: 'U0OPERATOR', channel: 'C1' };
  const noted = (step: string, key: string, value: unknown): FactBody => ({ type: 'fact.recorded', step, key, value });
  const memory = memoryLog(
    [
      { type: 'run.started', ...names, from: 15, to: 17, steps, format: 1 },
      noted('hold-schema-changes', 'fingerprint', JSON.parse(JSON.stringify(await keepSchema(clients())))),
      noted('validate-live', 'verdict', clean),
    ],
    () => Promise.resolve(),
  );
  const state = () => fold(memory.facts, shape);
  const execute = async () => {
    await executeStep(executionOver(memory, runbook, clients()), 'approve-cutover');
    return state();
  };
  /** What the confirmed form, or the typed pids, lead to. */
  const choose = async (...pids: readonly number[]) => {
    const decision = disconnect(state(), 'U0OPERATOR', pids, state().blocked?.at);
    if (decision.kind === 'refused') throw new Error(decision.message);
    await memory.log.append('PG-1', memory.facts.length, decision.facts);
  };
  return { execute, choose, facts: memory.facts, append: (fact: FactBody) => memory.log.append('PG-1', memory.facts.length, [fact]) };
}
/** The card of a run whose schema is held as it is now, and whose last comparison was so. */
async function asked(
  verdict: object | undefined = clean,
  between: (run: RecordingRun) => Promise<void> = async () => undefined,
  proof: Readonly<Record<string, unknown>> = {},
) {
  const run = recordingRun('approve-cutover', { uid: 'abcd1234' });
  const note = (step: string, key: string, value: unknown) =>
    run.ledger.set(step, (run.ledger.get(step) ?? new Map<string, unknown>()).set(key, JSON.parse(JSON.stringify(value))));
  for (const [key, value] of Object.entries(proof)) note('validate-live', key, value);
  note('hold-schema-changes', 'fingerprint', await keepSchema(clients()));
  if (verdict) note('validate-live', 'verdict', verdict);
  await between(run);
  return approveCutover.check(clients(), run);
}

beforeAll(async () => {
  pair = await openPair();
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  target = { ...targetOf(service, 'staging'), databases: { inapp: { schemas: ['public', 'audience_data'], owner: application } } };
  await pair.admin('source', 'inapp', `alter schema audience_data owner to "${application}"`);
}, 180_000);
afterAll(() => pair?.close());

it('without a clean comparison nobody is asked', async () => {
  expect(await asked({ ...clean, equal: false })).toMatchObject({ state: 'blocked', code: 'cutover.not-validated' });
});

it('without a slot of the migration nobody is asked', async () => {
  expect(await asked()).toMatchObject({ state: 'blocked', code: 'cutover.no-slots' });
});

it('with nothing against it people are asked, with what was seen and what is intended to differ', async () => {
  await subscribe(pair);
  await expect
    .poll(() => asked(), { timeout: 60_000, interval: 500 })
    .toMatchObject({
      state: 'todo',
      plan: expect.arrayContaining([expect.stringContaining('deadline 120 s until the promotion is called')]),
      shown: expect.arrayContaining([
        expect.stringMatching(/^lag now .* in 2 slots$/),
        'intended difference: 3 owners: so far',
        expect.stringContaining('promotion called after about'),
      ]),
    });
});

it('a comparison that takes longer than the deadline is found now, not after', async () => {
  expect(await asked({ ...clean, durationMs: 600_000 })).toMatchObject({
    state: 'blocked',
    code: 'cutover.too-long',
    reason: expect.stringMatching(/validation 600\.0 s.*the deadline is 120 s/),
  });
});

const kept = { since: 1, differing: [], problems: ['somebody else than the replication wrote to public.campaign'], prints: {} };
const begun = { proof: { since: 1, prints: {} } };

it('where the rows are kept proved the write stop is as short as that, whatever a comparison takes', async () => {
  expect(await asked({ ...clean, durationMs: 600_000 }, undefined, { ...begun, kept })).toMatchObject({
    state: 'todo',
    shown: expect.arrayContaining([
      expect.stringMatching(/^promotion called after about .*validation 2\.0 s/),
      expect.stringMatching(/^every row is kept proved equal/),
      'proof: somebody else than the replication wrote to public.campaign',
    ]),
  });
});

it('a proof that was lost, or that was none, is told with what it costs', async () => {
  const lost = { ...kept, lost: 'the source has no slot pgupgrade_proof_abcd1234 any more' };
  expect(await asked(clean, undefined, { ...begun, kept: lost })).toMatchObject({
    state: 'todo',
    shown: expect.arrayContaining([
      'the rows are NOT kept proved (the source has no slot pgupgrade_proof_abcd1234 any more): with the writes off every row is compared, about 0.9 s',
    ]),
  });
  // What is known of an earlier proof says nothing about one that was begun anew.
  expect(await asked({ ...clean, durationMs: 600_000 }, undefined, { proof: { since: 2, prints: {} }, kept: lost })).toMatchObject({
    state: 'todo',
  });
  expect(await asked({ ...clean, durationMs: 600_000 }, undefined, { proof: { since: 2, none: 'no slot was free' } })).toMatchObject({
    code: 'cutover.too-long',
  });
});

it('rows that came to differ since they were compared are read again first, then keep the question from being asked', async () => {
  const differ = { ...begun, kept: { ...kept, differing: ['public.campaign'] } };
  let asking: RecordingRun | undefined;
  const seen = (first: string) =>
    asked(
      clean,
      async (run) => {
        asking = run;
        await run.record('differs since', first === 'now' ? null : Date.now() - 6_000);
      },
      differ,
    );
  expect(await seen('now')).toEqual({ state: 'waiting', progress: 'rows of public.campaign differ, and are read again', againInMs: 500 });
  expect(asking?.recall('differs since')).toBeGreaterThan(Date.now() - 60_000);
  expect(await seen('earlier')).toMatchObject({
    state: 'blocked',
    code: 'validation.differs',
    reason: 'Rows of public.campaign differ since they were compared, and replication does not mend them.',
    remedy: expect.stringContaining('/pgupgrade diff public.campaign'),
  });
  // Whoever put them right and presses Retry at once is not refused for what the keeper has not read yet.
  expect(asking?.recall('differs since')).toBeNull();
});

it('a slot that nobody reads is waited for, and told when it stays so', async () => {
  await pair.admin('destination', 'inapp', `select pglogical.alter_subscription_disable('sub0', true)`);
  let asking: RecordingRun | undefined;
  const seen = () =>
    asked(clean, async (run) => {
      asking = run;
    });
  await expect
    .poll(seen, { timeout: 20_000, interval: 300 })
    .toMatchObject({ state: 'waiting', progress: expect.stringMatching(/^nobody reads from slot pgl_inapp_source_sub0/) });
  await asking?.record('behind since', Date.now() - 121_000);
  if (!asking) throw new Error('nobody was asked');
  expect(await approveCutover.check(clients(), asking)).toMatchObject({
    state: 'blocked',
    code: 'cutover.lag',
    reason: expect.stringMatching(/^nobody reads from slot .* has not changed for 2 minutes/),
  });
  await pair.admin('destination', 'inapp', `select pglogical.alter_subscription_enable('sub0', true)`);
  await expect.poll(() => asked(), { timeout: 20_000, interval: 300 }).toMatchObject({ state: 'todo' });
});

it('a prepared transaction is named', async () => {
  await asOwner(`begin; insert into campaign (name) values ('held'); prepare transaction 'forgotten'`);
  const seen = await asked();
  await asOwner(`rollback prepared 'forgotten'`);
  expect(seen).toMatchObject({
    state: 'blocked',
    code: 'cutover.open-transactions',
    reason: expect.stringContaining(`prepared transaction forgotten of ${application} in database inapp is open`),
  });
});

it('who has an open transaction is disconnected on request, and nobody else; then people are asked', async () => {
  const write = `begin; insert into campaign (name) values ('never committed')`;
  const nightly = await connectedAs('nightly-job', write);
  const second = await connectedAs('second-job', write);
  const bystander = await connectedAs('bystander', 'select 1');
  const onTheNew = await connectedAs('new-job', write, 'destination');
  const run = await gateOfRun();
  // Shorter ones end by themselves, so they are in nobody's way.
  const source = await pair.bot('look').database('source', 'postgres');
  await expect.poll(() => hindrances(source, rules), { interval: 500 }).toMatchObject({ sessions: [{}, {}] });
  const { blocked: stopped } = await run.execute();
  expect(stopped).toMatchObject({ code: 'cutover.open-transactions', remedy: expect.stringContaining('Disconnect') });
  expect(stopped?.sessions.map(({ pid }) => pid).sort()).toEqual([nightly.pid, second.pid].sort());
  const words = `${application} (nightly-job, 127.0.0.1, “begin; insert into campaign (name) values (…)”), pid ${nightly.pid}`;
  expect(stopped?.reason).toContain(`a transaction of ${words}, has written and is open for `);

  await run.choose(nightly.pid);
  const { blocked: still } = await run.execute();
  expect(await Promise.all([nightly, second, bystander].map(({ alive }) => alive()))).toEqual([false, true, true]);
  expect(run.facts.at(-2)).toMatchObject({ type: 'sessions.disconnected', by: 'U0OPERATOR', ended: [words], left: [] });
  expect(still?.sessions.map(({ pid }) => pid)).toEqual([second.pid]);

  // As if the one that was shown had gone, and the server had given its pid to another one.
  const gone = (still?.sessions ?? []).map((session) => ({ ...session, startedAt: session.startedAt - 1 }));
  await run.append({ type: 'retry.requested', step: 'approve-cutover', by: 'U0OPERATOR', disconnect: gone });
  await run.execute();
  expect(run.facts.at(-2)).toMatchObject({ ended: [], left: [expect.stringContaining('it was gone already')] });
  expect(await second.alive()).toBe(true);

  await run.choose(second.pid);
  const { gate } = await run.execute();
  expect(gate).toMatchObject({ gate: 'approve-cutover', question: 'Stop the writes now and switch to the new instance?' });
  expect(await Promise.all([second, bystander, onTheNew].map(({ alive }) => alive()))).toEqual([false, true, true]);

  const serving = recordingRun('approve-rollback', { uid: 'ab12cd34' }, new Map([['start-services', new Map([['started', true]])]]));
  const seen = await approveRollback.check(clients(), serving);
  if (seen.state !== 'blocked') throw new Error(`the rollback's question is ${seen.state}`);
  expect(seen).toMatchObject({ code: 'cutover.open-transactions', sessions: [{ pid: onTheNew.pid }] });
  expect(await approveRollback.disconnect?.(clients(), seen.sessions ?? [])).toMatchObject({ ended: [seen.sessions?.[0]?.who], left: [] });
  expect(await Promise.all([onTheNew, bystander].map(({ alive }) => alive()))).toEqual([false, true]);
});

it('an approval is void once the schema is another, on both sides too: people are asked anew, with what changed', async () => {
  const run = await gateOfRun();
  const { gate } = await run.execute();
  if (!gate) throw new Error('nobody was asked');
  const { nonce, planHash } = gate;
  await run.append({ type: 'gate.decided', gate: 'approve-cutover', nonce, planHash, decision: 'approved', by: ['U0APPROVER'] });
  await asOwner('create index late_index on campaign (name)');
  expect((await run.execute()).blocked).toMatchObject({ code: 'schema.changed', reason: expect.stringContaining('late_index') });
  await pair.admin('destination', 'inapp', 'create index late_index on campaign (name)');
  await run.append({ type: 'retry.requested', step: 'approve-cutover', by: 'U0OPERATOR' });
  const again = await run.execute();
  expect(again.gate).toMatchObject({
    because: expect.stringMatching(/^the plan changed since U0APPROVER approved it: .*schema fingerprint/),
  });
  expect(again.gate?.nonce === nonce && again.gate.planHash === planHash).toBe(false);
  expect(run.facts.some(({ type }) => type === 'step.done')).toBe(false);
});

it('a changed schema is named', async () => {
  expect(await asked(clean, () => asOwner('alter table campaign add column late int'))).toMatchObject({
    state: 'blocked',
    code: 'schema.changed',
    reason: expect.stringContaining('column public.campaign.late'),
  });
});
