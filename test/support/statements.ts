import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Cluster } from '../../sandbox/types.ts';

/** One statement as the server logged it. */
export interface Statement {
  /** `fence-source`, `give-back` */
  readonly step: string;
  /** Of the lease under which it was sent. */
  readonly token: number;
  readonly text: string;
}
/** From now on the server logs every statement of the bot's users with the name of its session. */
export async function logStatements(cluster: Cluster): Promise<void> {
  await cluster.configure({ log_line_prefix: '%m [%p] %a ' }, false);
  const client = new pg.Client({ ...cluster.admin, database: 'postgres', ssl: { rejectUnauthorized: false } });
  await client.connect();
  try {
    for (const role of ['postgres', 'wayback']) await client.query(`alter role ${role} set log_statement = 'all'`);
  } finally {
    await client.end();
  }
}

/** What the run's executions sent, in the order in which the server began it; without what ends a statement of the execution's own: it changes nothing. */
export async function statementsOf(log: string, run: string): Promise<readonly Statement[]> {
  const line = new RegExp(`^\\S+ \\S+ UTC \\[\\d+\\] pgupgrade/${run}/([a-z-]+)/(\\d+) LOG:  (?:statement|execute [^:]*): (.*)$`);
  return (await readFile(log, 'utf8')).split('\n').flatMap((text) => {
    const [, step, token, sql] = line.exec(text) ?? [];
    return step === undefined || sql === undefined || sql.startsWith('select pg_cancel_backend')
      ? []
      : [{ step, token: Number(token), text: sql }];
  });
}

/** Statements that stand behind one of a later owner: what a worker did after another one had taken the run over. */
export function late(statements: readonly Statement[]): readonly string[] {
  let newest = 0;
  return statements.flatMap(({ step, token, text }) => {
    newest = Math.max(newest, token);
    return token < newest ? [`${step}/${token} after ${newest}: ${text}`] : [];
  });
}
