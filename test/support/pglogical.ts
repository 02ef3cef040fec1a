import { application, type Pair } from './cutover-pair.ts';

/** Makes the source a provider and the destination its subscriber, as Database Migration Service does: several subscriptions. */
export async function subscribe(pair: Pair, subscriptions = 2): Promise<void> {
  const dsn = (side: 'source' | 'destination') => {
    const { host, port, admin } = pair[side];
    return `host=${host} port=${port} dbname=inapp user=${admin.user} password=${admin.password}`;
  };
  for (const side of ['source', 'destination'] as const) {
    await pair.admin(side, 'inapp', 'create extension if not exists pglogical');
    // As in a run: pglogical looks into its schema whenever a table is dropped, with the rights of whoever drops it.
    await pair.admin(side, 'inapp', `grant usage on schema pglogical to postgres, "${application}"`);
    await pair.admin(side, 'inapp', `select pglogical.create_node('${side}', '${dsn(side)}')`);
  }
  const tables = ['public.campaign', 'audience_data.contact'];
  await pair.admin('destination', 'inapp', `truncate ${tables.join(', ')}`);
  for (let index = 0; index < subscriptions; index += 1) {
    await pair.admin('source', 'inapp', `select pglogical.create_replication_set('set${index}')`);
    for (const table of tables.filter((_, position) => position % subscriptions === index))
      await pair.admin('source', 'inapp', `select pglogical.replication_set_add_table('set${index}', '${table}')`);
    await pair.admin(
      'destination',
      'inapp',
      `select pglogical.create_subscription('sub${index}', '${dsn('source')}', array['set${index}'], synchronize_structure := false, synchronize_data := true)`,
    );
  }
  for (let index = 0; index < subscriptions; index += 1)
    await pair.admin('destination', 'inapp', `select pglogical.wait_for_subscription_sync_complete('sub${index}')`);
}

/** What the promotion does to them. */
export async function unsubscribe(pair: Pair, subscriptions = 2): Promise<void> {
  for (let index = 0; index < subscriptions; index += 1)
    await pair.admin('destination', 'inapp', `select pglogical.drop_subscription('sub${index}')`);
}
