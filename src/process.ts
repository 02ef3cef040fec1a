import type { Logger } from 'pino';
import type { Runtime } from './config/runtime.ts';
import type { Service } from './config/schema.ts';
import type { Jobs } from './jobs/jobs.ts';

/** What bot and worker are made of. */
export interface Process {
  readonly runtime: Runtime;
  readonly services: ReadonlyMap<string, Service>;
  readonly jobs: Jobs;
  readonly log: Logger;
}
