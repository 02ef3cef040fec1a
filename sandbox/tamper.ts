import pg from 'pg';
import type { World } from './world.ts';

/** Changes one row on the new server behind the bot's back once the cutover is asked about, and puts it right after the writes were given back. */
export function tamper(world: World, environment: string, print: (line: string) => void): void {
  let stage: 'waiting' | 'changed' | 'repaired' = 'waiting';
  const set = async (name: string) => {
    const cluster = world.servers.fleet.list().findLast((one) => one.name.startsWith(`me-inapp-${environment}-`));
    if (!cluster) return;
    const client = new pg.Client({ ...cluster.admin, database: 'inapp', ssl: { rejectUnauthorized: false } });
    await client.connect();
    await client.query('update public.knex_migrations set name = $1 where id = 7', [name]);
    await client.end();
  };
  world.slack.on((event) => {
    if (event.kind !== 'message' || event.message.ephemeral !== undefined) return;
    const said = JSON.stringify(event.message.blocks);
    if (stage === 'waiting' && said.includes(':approve-cutover:')) {
      stage = 'changed';
      print(' (somebody)      │ changes a row of public.knex_migrations on the new server');
      void set('somebody was here');
    }
    const retry =
      /"action_id":"run:retry"[^}]*?"value":"([^"]+)"/.exec(said) ?? /"value":"([^"]+)"[^}]*?"action_id":"run:retry"/.exec(said);
    if (stage === 'changed' && retry) {
      stage = 'repaired';
      void set('0007_migration.js').then(() =>
        world.slack.human.click('U0OPERATOR', event.message.ts, 'run:retry', { value: retry[1] ?? '' }),
      );
    }
  });
}
