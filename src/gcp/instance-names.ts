import { NeedsHuman } from '../errors.ts';
import type { CloudSql } from './types.ts';

/** By what an application can name an instance. An instance that does not exist: NeedsHuman `gcp.no-instance`. */
export async function instanceNames(
  cloudSql: CloudSql,
  name: string,
): Promise<{ readonly connectionName: string; readonly addresses: Readonly<Record<string, string>> }> {
  const instance = await cloudSql.instance(name);
  if (!instance?.connectionName)
    throw new NeedsHuman('gcp.no-instance', `Instance ${name} does not exist or has no connection name.`, {
      remedy: 'Look at the instance in Google’s console, then press Retry.',
    });
  const addresses = (instance.ipAddresses ?? []).flatMap(({ type, ipAddress }) =>
    type && ipAddress && type !== 'OUTGOING' ? [[type, ipAddress] as const] : [],
  );
  return { connectionName: instance.connectionName, addresses: Object.fromEntries(addresses) };
}
