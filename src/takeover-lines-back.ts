import { unfenceSql } from './postgres/unfence-sql.ts';
import { wayBackName } from './postgres/way-back.ts';
import { dsn, kubectl, psql, type Situation, switching } from './takeover-lines.ts';
import { fenceSql } from './takeover-lines-fence.ts';
import { startOrder } from './workloads/order.ts';

/** By step of a rollback, and `give-back` for its write stop: the commands by which a person does what the bot would do. */
export function commandsOfRollback(step: string, it: Situation): readonly string[] {
  const { target, run, uid } = it;
  const names = Object.keys(target.databases);
  const old = (database: string, sql: string) => psql(it.source.host, database, sql);
  const fresh = (database: string, sql: string) => psql(it.destination.host, database, sql);
  const scale = (name: string, count: number) =>
    kubectl(target, name, (at) => `kubectl -n ${at} scale deployment ${name} --replicas=${count}`, `run ${name} with ${count} replicas`);
  const starting = (replicas: Situation['replicas']) =>
    startOrder(target)
      .flat()
      .flatMap((name) => (replicas[name] === undefined ? [] : [scale(name, replicas[name])]));
  const opening = (at: typeof old, fence: Situation['fence']) =>
    fence ? unfenceSql(fence, `${run}-${uid}`).map((sql) => at('postgres', sql.replace(/;$/, ''))) : [];
  switch (step) {
    case 'stop-services-for-rollback':
      return [...new Set([...startOrder(target).flat(), ...Object.keys(it.replicas)])].map((name) => scale(name, 0));
    case 'fence-destination':
      return fenceSql(target, it.fenceOnNew, ['wayback']).map((sql) => fresh('postgres', sql));
    case 'drain-way-back':
      return [
        fresh(
          'postgres',
          `select slot_name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) as bytes_behind from pg_replication_slots where slot_name ~ '^pgupgrade_wayback_'`,
        ),
      ];
    case 'synchronize-sequences-back':
      return names.map(
        (database) =>
          `${fresh(database, `select format('select setval(%L, %s);', quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value + 1000 * increment_by) from pg_sequences where last_value is not null and schemaname !~ '^pg'`)} -At | psql "${dsn(it.source.host, database)}"`,
      );
    case 'validate-rollback':
      return names.map(
        (database) =>
          `npx pgupgrade validate --source '${dsn(it.source.host, database)}' --destination '${dsn(it.destination.host, database)}'   # rows only: the schemas differ on purpose`,
      );
    case 'open-source':
      return [
        ...names.flatMap((database) => {
          const name = wayBackName(uid, names, database);
          return [`disable`, 'set (slot_name = none)']
            .map((change) => old(database, `alter subscription ${name} ${change}`))
            .concat(old(database, `drop subscription ${name}`));
        }),
        ...opening(old, it.fence),
      ];
    case 'switch-services-back':
      return switching(target, it.destination, it.source);
    case 'start-services-back':
      return starting(it.replicas);
    case 'remove-way-back':
      return names.flatMap((database) => {
        const name = wayBackName(uid, names, database);
        return [
          psql(it.destination.host, database, `select pg_drop_replication_slot('${name}')`, 'wayback'),
          fresh(database, `drop publication ${name}`),
        ];
      });
    case 'give-back':
      return [
        `# stop here if ${target.source} was opened already`,
        ...opening(fresh, it.fenceOnNew),
        ...starting(it.replicasOnNew ?? it.replicas),
      ];
    default:
      return [];
  }
}
