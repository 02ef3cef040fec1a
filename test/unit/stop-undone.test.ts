import { expect, test } from 'vitest';
import type { Clients } from '../../src/clients.ts';
import { loadServices } from '../../src/config/load.ts';
import { targetOf } from '../../src/config/target.ts';
import type { RunView } from '../../src/engine/step.ts';
import type { Postgres, Sql } from '../../src/postgres/types.ts';
import { runbook } from '../../src/runbook.ts';
import { stopServicesForRollback } from '../../src/steps/roll-back/stop-services-for-rollback.ts';
import { stopWeb } from '../../src/steps/switch-to-the-new-instance/stop-web.ts';
import { stopWorkers } from '../../src/steps/switch-to-the-new-instance/stop-workers.ts';
import { stopped } from '../../src/workloads/order.ts';
import type { Workloads } from '../../src/workloads/types.ts';

test.each([stopWorkers, stopServicesForRollback])(
  '$id is refused before anybody is stopped, whoever of those that are stopped would be scaled up again',
  async (step) => {
    const service = (await loadServices('services')).get('inapp');
    if (!service) throw new Error('no service file');
    const target = targetOf(service, 'staging');
    const [last] = stopped(target, 'rest');
    const workloads: Partial<Workloads> = {
      driver: () => 'kubernetes',
      observe: async () => ({ replicas: 2, pods: 2, ending: 0, ready: 2, settings: {} }),
      undoneBy: async (name) => (name === last ? [`the autoscaler web would scale ${name} up again`] : []),
    };
    const seen = await step.check({ target, workloads } as unknown as Clients, {} as RunView);
    expect(seen).toMatchObject({
      state: 'blocked',
      code: 'workloads.undone',
      reason: expect.stringContaining(`would scale ${last} up again`),
    });
  },
);

test('taken back in the runbook’s order, everybody is asked to start before anybody is waited for, and all are waited for', async () => {
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service file');
  const target = targetOf(service, 'staging');
  const names = [...stopped(target, 'first'), ...stopped(target, 'rest')];
  const before = Object.fromEntries(names.map((name, i) => [name, i + 1]));
  const asked: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
  const did: string[] = [];
  const workloads: Partial<Workloads> = {
    driver: () => 'kubernetes',
    wanted: async (name) => ({ replicas: asked[name] ?? 0, settings: {} }),
    scale: async (name, replicas) => {
      did.push(`scale ${name}`);
      asked[name] = replicas;
    },
    settled: async (name, replicas) => void did.push(`wait for ${name} ${replicas}`),
  };
  const nothing: Partial<Sql> = { look: async () => [] };
  const postgres: Partial<Postgres> = { database: async () => nothing as Sql };
  const clients = { target, workloads: workloads as Workloads, postgres: postgres as Postgres } satisfies Partial<Clients> as Clients;
  const run = { recall: (key: string) => (key === 'replicas' ? before : undefined) } as RunView;
  const order = runbook.flatMap(({ steps }) => steps).filter((step) => step === stopWeb || step === stopWorkers);
  for (const { undo } of order.toReversed()) await (undo as (clients: Clients, run: RunView) => Promise<void>)(clients, run);
  expect(did.slice(0, names.length).sort()).toEqual(names.map((name) => `scale ${name}`).sort());
  expect(did.slice(names.length).sort()).toEqual(names.map((name) => `wait for ${name} ${before[name]}`).sort());
});
