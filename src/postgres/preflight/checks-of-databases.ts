import type { Check } from './finding.ts';

/** Everything else of one database that is not carried over or that would act twice; run in every database. */
export const databaseChecks: readonly Check[] = [
  {
    code: 'large-objects',
    severity: 'blocks',
    query: `select count(*) || ' large objects' as object, '' as detail from pg_largeobject_metadata having count(*) > 0`,
    message: ({ object }) => `There are ${object}; large objects are not migrated.`,
    remedy: 'Move them into bytea columns, or unlink them if nothing uses them (vacuumlo).',
  },
  {
    code: 'event-trigger.fires-on-apply',
    severity: 'blocks',
    query: `select quote_ident(evtname) as object, case evtenabled when 'R' then 'REPLICA' else 'ALWAYS' end as detail from pg_event_trigger where evtenabled in ('R', 'A')`,
    message: ({ object, detail }) => `Event trigger ${object} is ENABLE ${detail}; it would fire when the migration creates tables.`,
    remedy: 'ALTER EVENT TRIGGER … ENABLE, or DISABLE it until the migration is over.',
  },
  {
    code: 'event-trigger.exists',
    severity: 'note',
    query: `select quote_ident(evtname) as object, evtevent as detail from pg_event_trigger t where evtenabled = 'O'
       and not exists (select from pg_depend e where e.classid = 'pg_event_trigger'::regclass and e.objid = t.oid and e.deptype = 'e')`,
    message: ({ object, detail }) =>
      `Event trigger ${object} (${detail}) may be missing on the destination: only privileged users can create one.`,
    remedy: 'Compare the event triggers after the switch.',
  },
  {
    code: 'extension.pgaudit',
    severity: 'blocks',
    query: `select extname as object, extversion as detail from pg_extension where extname = 'pgaudit'`,
    message: () => 'pgaudit makes the demotion and the initial load fail.',
    remedy: 'ALTER ROLE … RESET pgaudit.log for every role, DROP EXTENSION pgaudit, then take its flags off.',
  },
  {
    code: 'extension.pg_cron',
    severity: 'blocks',
    query: `select extname as object, extversion as detail from pg_extension where extname = 'pg_cron'`,
    message: () => 'pg_cron and its jobs are not migrated, and its jobs would write during the write stop.',
    remedy: 'Note the jobs (cron.job), DROP EXTENSION pg_cron, schedule them again on the destination.',
  },
  {
    code: 'extension.migrated',
    severity: 'note',
    query: `select extname as object, extversion as detail from pg_extension where extname not in ('plpgsql', 'pglogical', 'pgaudit', 'pg_cron')`,
    message: ({ object, detail }) => `Extension ${object} ${detail} must exist on the destination too.`,
    remedy: 'The destination installs its own default version; compare what changed between the two.',
  },
  {
    code: 'subscription.exists',
    severity: 'blocks',
    query: `select quote_ident(subname) as object, '' as detail from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())`,
    message: ({ object }) => `Subscription ${object} writes into this database; no write stop can hold it.`,
    remedy: 'Drop the subscription, or move it to the destination after the switch.',
  },
  {
    code: 'publication.exists',
    severity: 'note',
    query: `select quote_ident(pubname) as object, '' as detail from pg_publication where pubname !~ '^pgupgrade_'`,
    message: ({ object }) => `Publication ${object} serves somebody; subscribers do not follow to the destination by themselves.`,
    remedy: 'Tell who subscribes; they need a new slot on the destination.',
  },
];
