import { createHash } from 'node:crypto';

/** What the names outside are made from: they must be unique for ever, so the run's random uid is in them. */
interface Named {
  readonly uid: string;
  readonly service: string;
  readonly environment: string;
}

/** Database Migration Service takes ids up to 60 characters. */
const longestId = 60;

function base({ uid, service, environment }: Named): string {
  const prefix = `pgupgrade-${service}-${environment}`.slice(0, longestId - uid.length - '--destination'.length);
  return `${prefix}-${uid}`;
}

export function migrationJobId(run: Named): string {
  return base(run);
}
export function profileId(run: Named, side: 'source' | 'destination'): string {
  return `${base(run)}-${side}`;
}
export function certificateName(run: Pick<Named, 'uid'>): string {
  return `pgupgrade-${run.uid}`;
}
/** The secret that holds the client certificate's private key. */
export function clientKeySecret(run: Pick<Named, 'uid'>): string {
  return `pgupgrade-${run.uid}-client-key`;
}
/** The source representation instance that the demotion leaves behind. */
export function masterName(destination: string): string {
  return `${destination}-master`;
}

/** The same request twice has the same id, so that Google ignores the second: a UUID made from the run and what is asked. */
export function requestId(run: Pick<Named, 'uid'>, what: string): string {
  const hex = createHash('sha256').update(`${run.uid}/${what}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
