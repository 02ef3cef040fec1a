import type { Client } from 'pg';
import { withSession } from '../servers/session.ts';
import type { Cluster } from '../types.ts';

/** One session of `cloudsqladmin`, the instance's own superuser. */
export function asAdmin<T>(cluster: Cluster, database: string, work: (client: Client) => Promise<T>): Promise<T> {
  return withSession({ ...cluster.admin, database, applicationName: 'cloudsqladmin' }, work);
}

/** Databases that people know of: no templates, not the agent's own. */
export const userDatabases = `select datname from pg_database where datallowconn and not datistemplate and datname <> 'cloudsqladmin' order by datname`;
