import type { Target } from './config/schema.ts';
import type { CloudSql, DataMigration, Secrets } from './gcp/types.ts';
import type { Postgres } from './postgres/types.ts';
import type { Proof } from './validator/proof/types.ts';
import type { Validator } from './validator/types.ts';
import type { Workloads } from './workloads/types.ts';

/** What steps may be given. A step takes a narrow `Pick` of it; a look (plan, preflight) gets clients that refuse every change. */
export interface Clients {
  readonly target: Target;
  readonly postgres: Postgres;
  readonly cloudSql: CloudSql;
  readonly dataMigration: DataMigration;
  readonly secrets: Secrets;
  readonly workloads: Workloads;
  readonly validator: Validator;
  readonly proof: Proof;
}
