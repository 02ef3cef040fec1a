import { expect, test } from 'vitest';
import type { Clients } from '../../src/clients.ts';
import { loadServices } from '../../src/config/load.ts';
import { targetOf } from '../../src/config/target.ts';
import type { RunView } from '../../src/engine/step.ts';
import { stopServicesForRollback } from '../../src/steps/roll-back/stop-services-for-rollback.ts';
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
