import type { Target } from '../config/schema.ts';
import { flagValues } from './flags.ts';
import type { Instance } from './types.ts';

/** Has the shape of a preflight finding. */
export interface InstanceFinding {
  readonly severity: 'blocks' | 'handled' | 'note';
  readonly code: string;
  readonly object: string;
  readonly message: string;
  readonly handledBy?: string;
  readonly remedy: string;
}
type FindingTarget = Pick<Target, 'source' | 'from' | 'to' | 'network'>;
const gigabyte = 1024 ** 3;
const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** What the source's settings at Google say about a later failure. `usedBytes`: all databases together, if known; `now` in ms since the epoch. */
export function instanceFindings(
  instance: Instance | undefined,
  target: FindingTarget,
  usedBytes: number | undefined,
  now: number,
): readonly InstanceFinding[] {
  const findings: InstanceFinding[] = [];
  const add = (severity: InstanceFinding['severity'], code: string, message: string, remedy: string) =>
    findings.push({ severity, code, object: target.source, message, remedy });
  if (!instance) {
    add(
      'blocks',
      'instance.missing',
      `Instance ${target.source} does not exist.`,
      'Correct `instance` and `currentVersion` in the service file.',
    );
    return findings;
  }
  const settings = instance.settings ?? {};
  const network = settings.ipConfiguration ?? {};
  if (instance.state !== 'RUNNABLE')
    add('blocks', 'instance.not-running', `Instance ${target.source} is ${instance.state}.`, 'Start it, or wait until it runs.');
  if (instance.databaseVersion !== `POSTGRES_${target.from}` && !instance.databaseVersion?.startsWith(`POSTGRES_${target.from}_`))
    add(
      'blocks',
      'version.unexpected',
      `${target.source} is ${instance.databaseVersion}; the service file says ${target.from}.`,
      'Correct currentVersion in the service file.',
    );
  if (instance.instanceType === 'READ_REPLICA_INSTANCE')
    add(
      'blocks',
      'server.in-recovery',
      `${target.source} is a read replica; a migration starts at a primary.`,
      'Name the primary instance in the service file.',
    );
  for (const replica of instance.replicaNames ?? [])
    add(
      'note',
      'replica.physical',
      `${replica} is a read replica of ${target.source}; it does not follow to the destination.`,
      'Create read replicas of the destination after the switch.',
    );
  if (network.sslMode === 'TRUSTED_CLIENT_CERTIFICATE_REQUIRED')
    add(
      'blocks',
      'instance.ssl-mode',
      `${target.source} demands client certificates of everybody; the bot's own sessions have none.`,
      'Set sslMode to ENCRYPTED_ONLY.',
    );
  else if (network.sslMode !== 'ENCRYPTED_ONLY')
    add(
      'note',
      'instance.ssl-mode',
      `${target.source} accepts unencrypted connections (sslMode ${network.sslMode ?? 'not set'}).`,
      'The migration and the bot use TLS in any case.',
    );
  if (!(instance.ipAddresses ?? []).some((address) => address.type === 'PRIVATE'))
    add(
      'blocks',
      'instance.no-private-address',
      `${target.source} has no private address; the migration uses VPC peering.`,
      'Give the instance a private IP in the service’s network.',
    );
  else if (network.privateNetwork && !network.privateNetwork.endsWith(target.network))
    add(
      'blocks',
      'instance.network',
      `${target.source} is in network ${network.privateNetwork}; the service file says ${target.network}.`,
      'Correct `network` in the service file: peering is not transitive.',
    );
  const pgaudit = Object.keys(flagValues(settings.databaseFlags)).filter((flag) => flag.includes('pgaudit'));
  if (pgaudit.length > 0)
    add(
      'handled',
      'flag.pgaudit',
      `${target.source} has the flags ${pgaudit.join(', ')}; pgaudit makes the demotion fail.`,
      'The destination is made without them; drop the extension pgaudit on the source.',
    );
  inPlace(instance, target, add, usedBytes);
  maintenance(instance, add, now);
  disk(instance, add, usedBytes);
  return findings;
}

type Add = (severity: InstanceFinding['severity'], code: string, message: string, remedy: string) => void;

/** The initial load of pglogical, one table after the other: 25 to 69 MB/s were measured. */
const copyBytesPerSecond = 40e6;

/**
 * Where minutes without the database are fine, Google's own upgrade is less work. How long it takes hangs on the number of objects, not
 * on the data (pg_upgrade in link mode); users report "10 minutes or more".
 */
function inPlace(instance: Instance, { source, from, to }: FindingTarget, add: Add, usedBytes: number | undefined): void {
  const offered = instance.upgradableDatabaseVersions?.map(({ name }) => name);
  if (offered && !offered.includes(`POSTGRES_${to}`)) return;
  const size = usedBytes === undefined ? '' : ` of ${(usedBytes / gigabyte).toFixed(1)} GB`;
  const copy = usedBytes === undefined ? '' : `, for about ${Math.max(1, Math.round(usedBytes / copyBytesPerSecond / 60))} min of copying`;
  add(
    'note',
    'upgrade.in-place',
    `Cloud SQL’s in-place upgrade${size} from ${from} to ${to} would do as well if nobody needs ${source} for 10 minutes or more; its way back is a restored backup.`,
    `This run keeps writes off for seconds${copy}, and can go back without losing a write.`,
  );
}

function maintenance(instance: Instance, add: Add, now: number): void {
  const planned = instance.scheduledMaintenance?.startTime;
  if (planned && Date.parse(planned) > now)
    add(
      'note',
      'instance.maintenance',
      `Google has planned maintenance of ${instance.name} at ${planned}.`,
      'Finish before it, or reschedule it: it restarts the instance.',
    );
  const window = instance.settings?.maintenanceWindow;
  if (window?.day)
    add(
      'note',
      'instance.maintenance',
      `Maintenance of ${instance.name} may run on ${days[window.day - 1] ?? window.day} from ${window.hour ?? 0}:00 UTC.`,
      'Do not cut over in that hour.',
    );
}

/** While the copy runs the source keeps the WAL of the whole copy: at least a fifth of the disk should be free, or may grow. */
function disk(instance: Instance, add: Add, usedBytes: number | undefined): void {
  const settings = instance.settings ?? {};
  const size = Number(settings.dataDiskSizeGb ?? 0) * gigabyte;
  if (size === 0 || usedBytes === undefined) return;
  const limit = Number(settings.storageAutoResizeLimit ?? 0) * gigabyte;
  const mayGrow = settings.storageAutoResize === true && (limit === 0 || limit > size);
  const used = `${(usedBytes / gigabyte).toFixed(1)} of ${settings.dataDiskSizeGb} GB are used by the databases`;
  if (usedBytes < size * 0.8) return;
  if (mayGrow)
    add(
      'note',
      'instance.disk',
      `${used}; the WAL that the migration keeps makes the disk grow, and it never shrinks again.`,
      'Watch the retained WAL on the board.',
    );
  else
    add(
      'blocks',
      'instance.disk',
      `${used} and the disk does not grow by itself; the WAL that the migration keeps could fill it.`,
      'Make the disk larger, or turn storageAutoResize on.',
    );
}
