import pg from 'pg';
import type { World } from '../sandbox/world.ts';

/**
 * When the go/no-go card comes, one more role begins a transaction on the old server, writes, and never commits: the fence
 * has to end it. Gives the function that waits for its end.
 */
export function holdTransaction(world: World): () => Promise<void> {
  const source = world.source('staging');
  if (!source) throw new Error('there is no server of staging');
  const client = new pg.Client({
    host: source.host,
    port: source.port,
    user: 'me-inapp@ems-mobile-engage-staging.iam',
    password: 'iam-token',
    database: 'inapp',
    application_name: 'nightly-report',
    ssl: { rejectUnauthorized: false },
  });
  const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
  client.on('error', () => undefined);
  let began: Promise<unknown> | undefined;
  const off = world.slack.on((event) => {
    if (event.kind !== 'message' || began || !JSON.stringify(event.message.blocks).includes('approve-cutover')) return;
    began = client
      .connect()
      .then(() => client.query('begin'))
      .then(() => client.query('update public.campaign set amount = amount + 1 where id = (select max(id) from public.campaign)'));
    began.catch(() => undefined);
  });
  return async () => {
    off();
    if (!began) throw new Error('the go/no-go card never came');
    await ended;
  };
}
