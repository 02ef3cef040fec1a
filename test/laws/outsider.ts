import type { Cluster } from '../../sandbox/types.ts';
import type { World } from '../../sandbox/world.ts';
import { environment, type Stage } from './stage.ts';

/** What can be seen without asking the bot: the pods and their ledger. */
type Place = (world: World) => Cluster;
type Look = (stage: Stage) => Promise<void>;

export const onSource: Place = (world) => cluster(world, `me-inapp-${environment}-pg15`);
export const onDestination: Place = (world) => cluster(world, `me-inapp-${environment}-pg17`);

function cluster(world: World, name: string): Cluster {
  const found = world.servers.fleet.get(name);
  if (!found) throw new Error(`there is no instance ${name}`);
  return found;
}

/** Namespace and pod, `inapp-staging/inapp-web-0f1e2d`: whose name begins with `app`. */
const of = (app: string) => (pod: string) => pod.split('/')[1]?.startsWith(app) === true;

/** Writes of the pods of `app` are acknowledged there, several of them. */
export function flow(app: string, place: Place): Look {
  return async ({ world }) => {
    const { host } = place(world);
    const count = () => world.ledger.writes().filter(({ pod, server }) => of(app)(pod) && server === host).length;
    const before = count();
    await until(`writes of ${app} flow on ${place(world).name}`, async () => count() >= before + 5);
  };
}

/** No pod of `app` is left. */
export function gone(app: string): Look {
  return async ({ world }) => {
    const left = world.deployments.list().flatMap(({ name, pods }) => (name.startsWith(app) ? [...pods.keys()] : []));
    if (left.length > 0) throw new Error(`pods are left: ${left.join(', ')}`);
  };
}

/** The pods of `app` live, try to write, and none of it is acknowledged. */
export function closed(app: string): Look {
  return async ({ world }) => {
    const own = () => world.ledger.pods().filter(({ name }) => of(app)(name));
    const sum = (of: 'acknowledged' | 'failed') => own().reduce((all, pod) => all + pod[of], 0);
    const [acknowledged, failed] = [sum('acknowledged'), sum('failed')];
    await until(`${app} is turned away`, async () => sum('failed') >= failed + 5);
    if (sum('acknowledged') > acknowledged) throw new Error(`${sum('acknowledged') - acknowledged} writes of ${app} were acknowledged`);
  };
}

/** Looks until it is so; throws what was waited for. */
export async function until(what: string, look: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await look())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
