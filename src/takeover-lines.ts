import type { Target } from './config/schema.ts';
import { certificateName, masterName, migrationJobId, profileId } from './gcp/names.ts';
import type { FenceLedger } from './postgres/fence-ledger.ts';
import { identifier, literal, qualified } from './postgres/identifiers.ts';
import { dropProofSlotsSql } from './postgres/proof-slots.ts';
import type { DroppedConstraint } from './postgres/restore-constraint.ts';
import { unfenceSql } from './postgres/unfence-sql.ts';
import { wayBackName } from './postgres/way-back.ts';
import { fenceSql } from './takeover-lines-fence.ts';
import { held, startOrder } from './workloads/order.ts';

/** What is known of a run, from its log or from the world. */
export interface Situation {
  readonly run: string;
  readonly uid: string;
  readonly target: Target;
  /** Addresses and connection names of the two instances; where Google does not tell them, their names. */
  readonly source: { readonly host: string; readonly connectionName: string };
  readonly destination: { readonly host: string; readonly connectionName: string };
  /** Of the old instance. */
  readonly fence: FenceLedger | undefined;
  /** A rollback's, of the new one. */
  readonly fenceOnNew?: FenceLedger | undefined;
  readonly replicas: Readonly<Record<string, number>>;
  /** As they ran on the new instance when a rollback stopped them; absent: as `replicas`. */
  readonly replicasOnNew?: Readonly<Record<string, number>> | undefined;
  readonly constraints: readonly DroppedConstraint[];
}

/** By step: the commands by which a person does what the bot would do. Steps before the copy are left to an abort, so they have none. */
export function commandsOf(step: string, it: Situation): readonly string[] {
  const { target, uid, run } = it;
  const job = migrationJobId({ uid, service: target.service, environment: target.environment });
  const project = `--project=${target.project}`;
  const region = `--region=${target.region} ${project}`;
  const databases = Object.entries(target.databases);
  const names = Object.keys(target.databases);
  const old = (database: string, sql: string) => psql(it.source.host, database, sql);
  const fresh = (database: string, sql: string) => psql(it.destination.host, database, sql);
  const scale = (name: string, count: number) =>
    kubectl(target, name, (at) => `kubectl -n ${at} scale deployment ${name} --replicas=${count}`, `run ${name} with ${count} replicas`);
  const stopping = startOrder(target).flat().reverse();
  switch (step) {
    case 'wait-for-sync':
      return [
        `gcloud database-migration migration-jobs describe ${job} ${region} --format='value(state,phase)'   # RUNNING CDC`,
        lagLine(it),
      ];
    case 'validate-live':
    case 'validate':
      return names.map(
        (database) =>
          `npx pgupgrade validate --source '${dsn(it.source.host, database)}' --destination '${dsn(it.destination.host, database)}'${step === 'validate-live' ? ' --live' : ''}`,
      );
    case 'stop-workers':
    case 'stop-web':
      return step === 'stop-workers' ? stopping.map((name) => scale(name, 0)) : [];
    case 'fence-source':
      return fenceSql(target, it.fence, ['migration', 'wayback']).map((sql) => old('postgres', sql));
    case 'drain-replication':
      return [lagLine(it)];
    case 'synchronize-sequences':
      return names.map(
        (database) =>
          `${old(database, `select format('select setval(%L, %s);', quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value + 1000 * increment_by) from pg_sequences where last_value is not null and schemaname !~ '^pg'`)} -At | psql "${dsn(it.destination.host, database)}"`,
      );
    case 'promote-destination':
      return [
        `gcloud database-migration migration-jobs promote ${job} ${region}`,
        `gcloud sql instances describe ${target.destination} ${project} --format='value(instanceType)'   # CLOUD_SQL_INSTANCE`,
      ];
    case 'hand-over-ownership':
      return databases.flatMap(([database, { owner }]) => [
        fresh(
          database,
          `grant cloudsqlexternalsync, ${identifier(owner)} to postgres; reassign owned by cloudsqlexternalsync to ${identifier(owner)}`,
        ),
      ]);
    case 'arm-way-back':
      return names.flatMap((database) => {
        const name = wayBackName(uid, names, database);
        return [
          fresh(database, `create publication ${name} for all tables with (publish_via_partition_root = true)`),
          psql(it.destination.host, database, `select pg_create_logical_replication_slot('${name}', 'pgoutput')`, 'wayback'),
          old(
            database,
            `create subscription ${name} connection 'host=${it.destination.host} dbname=${database} user=wayback password=… sslmode=require' publication ${name} with (create_slot = false, slot_name = ${literal(name)}, copy_data = false)`,
          ),
        ];
      });
    case 'switch-services':
      return switching(target, it.source, it.destination);
    case 'start-services':
      return [
        ...startOrder(target)
          .flat()
          .flatMap((name) => (it.replicas[name] === undefined ? [] : [scale(name, it.replicas[name])])),
        ...held(target).flatMap(({ name, workload }) => (workload.afterSwitch === undefined ? [] : [scale(name, workload.afterSwitch)])),
      ];
    case 'back-up-destination':
      return [`gcloud sql backups create --instance=${target.destination} ${project}`];
    case 'configure-backups':
      return [
        `gcloud sql instances patch ${target.destination} ${project} --backup-start-time=… --enable-point-in-time-recovery   # as gcloud sql instances describe ${target.source} has them; may restart`,
      ];
    case 'enable-high-availability':
      return [`gcloud sql instances patch ${target.destination} ${project} --availability-type=REGIONAL`];
    case 'restore-constraints':
      return it.constraints.map(({ database, schema, table, name, definition }) =>
        fresh(database, `alter table ${qualified(schema, table)} add constraint ${identifier(name)} ${definition}`),
      );
    case 'refresh-materialized-views':
      return names.map(
        (database) =>
          `${fresh(database, `select format('refresh materialized view %I.%I;', schemaname, matviewname) from pg_matviews where not ispopulated`)} -At | psql "${dsn(it.destination.host, database)}"`,
      );
    case 'release-schema-changes':
      return held(target).flatMap(({ name, workload }) => (workload.afterwards === undefined ? [] : [scale(name, workload.afterwards)]));
    case 'remove-external-sync-user':
      return [
        ...names.map((database) =>
          fresh(database, 'drop owned by cloudsqlexternalsync   -- only after the reassignment in every database'),
        ),
        `gcloud sql users delete cloudsqlexternalsync --instance=${target.destination} ${project}`,
      ];
    case 'remove-migration':
      return [
        `gcloud database-migration migration-jobs delete ${job} ${region}   # never --force`,
        ...(['source', 'destination'] as const).map(
          (side) =>
            `gcloud database-migration connection-profiles delete ${profileId({ uid, service: target.service, environment: target.environment }, side)} ${region}`,
        ),
        `gcloud sql instances delete ${masterName(target.destination)} ${project}`,
        `gcloud sql ssl client-certs delete ${certificateName({ uid })} --instance=${target.source} ${project}`,
        ...names.map((database) => fresh(database, 'drop extension if exists pglogical cascade')),
        // A slot that nobody reads keeps WAL until the disk is full.
        psql(it.source.host, 'postgres', dropProofSlotsSql(uid), 'migration'),
        psql(it.destination.host, 'postgres', dropProofSlotsSql(uid), 'wayback'),
      ];
    case 'give-back':
      return [
        `gcloud database-migration migration-jobs describe ${job} ${region} --format='value(state,phase)'   # stop here if it says COMPLETED or PROMOTE_IN_PROGRESS`,
        ...(it.fence ? unfenceSql(it.fence, `${run}-${uid}`).map((sql) => old('postgres', sql.replace(/;$/, ''))) : []),
        ...startOrder(target)
          .flat()
          .flatMap((name) => (it.replicas[name] === undefined ? [] : [scale(name, it.replicas[name])])),
      ];
    default:
      return [];
  }
}

export function dsn(host: string, database: string, user = 'postgres'): string {
  return `postgresql://${user}@${host}/${encodeURIComponent(database)}?sslmode=require`;
}

/** One line for a shell: what the SQL has of quotes and dollars is kept from it. */
export function psql(host: string, database: string, sql: string, user?: string): string {
  return `psql "${dsn(host, database, user)}" -c ${shellWord(sql)}`;
}
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function lagLine({ source }: Situation): string {
  return psql(
    source.host,
    'postgres',
    `select slot_name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) as bytes_behind from pg_replication_slots where plugin = 'pglogical_output'`,
  );
}

/**
 * Every workload names the one instance in place of the other. The value is taken from where it stands, because it may hold a
 * password; one that comes from a secret is not there, and is then left alone.
 */
export function switching(target: Target, from: Situation['source'], to: Situation['source']): readonly string[] {
  const replacing = [...new Map([[from.connectionName, to.connectionName] as const, [from.host, to.host] as const])].map(
    ([before, after]) => `s#(^|[^0-9A-Za-z_.-])${before.replaceAll('.', '\\.')}([^0-9A-Za-z_.-]|$)#\\1${after}\\2#g`,
  );
  return Object.entries(target.workloads).map(([name, { connection }]) =>
    kubectl(
      target,
      name,
      (at) =>
        `value=$(kubectl -n ${at} set env deployment/${name} --list | sed -n ${shellWord(`s/^${connection}=//p`)}) && test -n "$value" && next=$(printf %s "$value" | sed -E ${shellWord(replacing.join('; '))}) && kubectl -n ${at} set env deployment/${name} "${connection}=$next" || echo ${shellWord(`${connection} of ${name} was not set: if it comes from a secret, change it there`)}   # ${from.connectionName} → ${to.connectionName}, ${from.host} → ${to.host}`,
      `switch ${connection} of ${name} to ${to.connectionName}`,
    ),
  );
}

export function kubectl(target: Target, name: string, line: (namespace: string) => string, byHand: string): string {
  const workload = target.workloads[name];
  return workload?.driver === 'kubernetes' ? line(workload.namespace) : `# by hand: ${byHand}`;
}
