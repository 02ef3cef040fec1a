import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { currentUser, leaveRoles, type Membership } from '../../postgres/membership.ts';
import { armWayBack as arm, disarmWayBack, isArmed, lookAtWayBack, type WayBackRequest } from '../../postgres/way-back.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'secrets'>;
const connectsWithinMs = 20_000;

/**
 * Before the first write on the new instance, or that write would be missing on the old one. The source's fence stays: the
 * changes are applied with the rights of the bot's user, who keeps CONNECT.
 */
export const armWayBack: Step<Needs> = {
  id: 'arm-way-back',
  title: 'Arm the way back',
  impact: 'none',
  skippable: true,
  writeStop: 'after-promotion',
  waitsFor: 'way-back',

  async check(clients, run) {
    const looks = await lookAtWayBack({ postgres: clients.postgres, uid: run.uid, databases: Object.keys(clients.target.databases) });
    if (looks.every(isArmed))
      return done(
        `armed: ${looks.map(({ database, name }) => `${name} for database ${database}`).join(', ')}; TLS without a check of the CA (sslmode=require)`,
      );
    const lost = looks.find(({ walStatus }) => walStatus === 'lost');
    if (lost)
      return blocked(
        'way-back.lost',
        `Slot ${lost.name} on the new instance has lost WAL.`,
        'Go on without a way back (Skip), or return to the source before anything is written.',
      );
    const began = run.recall<number>('enabled at');
    if (began !== undefined && looks.every(({ subscription, slot }) => subscription === 'enabled' && slot)) {
      if (Date.now() - began < connectsWithinMs) return waiting('the old instance connects', 20);
      return blocked(
        'way-back.not-connected',
        `The old instance does not connect to the new one ${connectsWithinMs / 1000} s after its subscription was enabled; its log says why.`,
        'Press Retry when it can; or go on without a way back (Skip), or return to the source: nothing is written on the new instance yet.',
      );
    }
    return todo(
      looks.flatMap(({ database, name }) => [
        `new instance, database ${database}: create publication ${name} for all tables with (publish_via_partition_root = true); logical slot ${name} (pgoutput)`,
        `old instance, database ${database}: create subscription ${name} with (create_slot = false, copy_data = false), as user wayback over TLS`,
      ]),
    );
  },

  async apply(clients, run) {
    const request = await requestOf(clients, run);
    const member = await currentUser(await clients.postgres.database('source', 'postgres'));
    await run.spend('way-back', () =>
      arm(request, async (roles) => {
        const known = run.recall<readonly Membership[]>('memberships') ?? [];
        await run.record('memberships', [...known, ...roles.map((role) => ({ side: 'source', role, member }) as const)]);
      }),
    );
    await run.record('enabled at', Date.now());
  },

  async undo(clients, run) {
    await disarmWayBack(await requestOf(clients, run));
    await leaveRoles(await clients.postgres.database('source', 'postgres'), run.recall<readonly Membership[]>('memberships') ?? []);
  },
};

async function requestOf({ target, postgres, secrets }: Needs, run: RunView): Promise<WayBackRequest> {
  const secret = target.secrets['wayback'] ?? '';
  const password = await secrets.latest(secret);
  if (password === undefined)
    throw new NeedsHuman('secret.missing', `Secret ${secret} with the password of wayback does not exist or is empty.`, {
      remedy: 'Add a version to it, then press Retry.',
    });
  return { postgres, uid: run.uid, databases: Object.keys(target.databases), user: 'wayback', password };
}
