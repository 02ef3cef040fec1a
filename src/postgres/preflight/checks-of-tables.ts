import type { Check } from './finding.ts';

/** Objects of the service: no system schema, nothing that an extension brought. */
const own = (
  classid: string,
  oid: string,
) => `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pglogical', 'pglogical_origin')
  and not exists (select from pg_depend e where e.classid = '${classid}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
const table = `pg_class c join pg_namespace n on n.oid = c.relnamespace`;
const name = `format('%I.%I', n.nspname, c.relname)`;

/** What DMS (pglogical) does not carry or cannot apply, table by table; run in every database. Source: its known limitations. */
export const tableChecks: readonly Check[] = [
  {
    code: 'constraint.deferrable',
    severity: 'handled',
    handledBy: 'drop-deferrable-constraints',
    query: `select ${name} || ' ' || quote_ident(k.conname) as object, pg_get_constraintdef(k.oid) as detail from pg_constraint k join pg_class c on c.oid = k.conrelid
       join pg_namespace n on n.oid = c.relnamespace where k.condeferrable and k.contype in ('u', 'x') and k.conparentid = 0 and ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) => `${object} is deferrable (${detail}); pglogical cannot apply changes to such a table.`,
    remedy: 'It is dropped during the migration and restored on the destination.',
  },
  {
    code: 'constraint.deferrable-primary-key',
    severity: 'blocks',
    query: `select ${name} as object, k.conname as detail from pg_constraint k join pg_class c on c.oid = k.conrelid
       join pg_namespace n on n.oid = c.relnamespace where k.condeferrable and k.contype = 'p' and ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) =>
      `The primary key ${detail} of ${object} is deferrable; without it updates and deletes of the table are not migrated.`,
    remedy: 'Make the primary key not deferrable.',
  },
  {
    code: 'table.replica-identity',
    severity: 'blocks',
    query: `select ${name} as object, case c.relreplident when 'f' then 'FULL' else 'NOTHING' end as detail from ${table}
       where c.relkind in ('r', 'p') and c.relreplident in ('f', 'n') and ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) => `${object} has replica identity ${detail}, which Database Migration Service refuses.`,
    remedy: 'ALTER TABLE … REPLICA IDENTITY DEFAULT, with a primary key.',
  },
  {
    code: 'column.generated',
    severity: 'blocks',
    query: `select ${name} || '.' || quote_ident(a.attname) as object, '' as detail from ${table} join pg_attribute a on a.attrelid = c.oid
       where c.relkind in ('r', 'p') and a.attgenerated <> '' and not a.attisdropped and ${own('pg_class', 'c.oid')}`,
    message: ({ object }) => `${object} is a generated column; the initial copy stops at it.`,
    remedy: 'Turn it into a regular column (ALTER COLUMN … DROP EXPRESSION) with a trigger until the migration is over.',
  },
  {
    code: 'table.unlogged',
    severity: 'blocks',
    query: `select ${name} as object, pg_size_pretty(pg_relation_size(c.oid)) as detail from ${table}
       where c.relkind in ('r', 'p') and c.relpersistence = 'u' and ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) => `${object} (${detail}) is unlogged; its rows are not migrated.`,
    remedy: 'ALTER TABLE … SET LOGGED, or drop the table.',
  },
  {
    code: 'table.row-security',
    severity: 'blocks',
    query: `select ${name} as object, '' as detail from ${table} where c.relkind in ('r', 'p') and c.relrowsecurity and ${own('pg_class', 'c.oid')}`,
    message: ({ object }) => `${object} has row-level security; the migration's user would not see all of its rows.`,
    remedy: 'ALTER TABLE … DISABLE ROW LEVEL SECURITY until the migration is over.',
  },
  {
    code: 'table.foreign',
    severity: 'blocks',
    query: `select ${name} as object, s.srvname as detail from ${table} join pg_foreign_table f on f.ftrelid = c.oid join pg_foreign_server s on s.oid = f.ftserver
       where ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) =>
      `${object} is a foreign table of server ${detail}; Database Migration Service refuses it and its user mappings.`,
    remedy: 'Drop the foreign table, its server and its user mappings; create them again on the destination.',
  },
  {
    code: 'trigger.fires-on-apply',
    severity: 'blocks',
    query: `select ${name} || ' ' || quote_ident(t.tgname) as object, case t.tgenabled when 'R' then 'REPLICA' else 'ALWAYS' end as detail
       from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
       where not t.tgisinternal and t.tgenabled in ('R', 'A') and ${own('pg_class', 'c.oid')}
       union all
       select ${name} || ' ' || quote_ident(r.rulename), case r.ev_enabled when 'R' then 'REPLICA' else 'ALWAYS' end
       from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
       where r.ev_enabled in ('R', 'A') and ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) => `${object} is ENABLE ${detail}; it would fire again when the change is applied on the destination.`,
    remedy: 'ALTER TABLE … ENABLE TRIGGER (without REPLICA or ALWAYS) until the migration is over.',
  },
  {
    code: 'index.invalid',
    severity: 'note',
    query: `select format('%I.%I', n.nspname, x.relname) as object, c.relname as detail from pg_index i join pg_class x on x.oid = i.indexrelid
       join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid and c.relkind <> 'p' and ${own('pg_class', 'c.oid')}`,
    message: ({ object, detail }) =>
      `${object} on ${detail} is invalid; the destination would build it as a valid one and may fail on duplicates.`,
    remedy: 'DROP INDEX CONCURRENTLY, or REINDEX it.',
  },
  {
    code: 'view.materialized',
    severity: 'handled',
    handledBy: 'refresh-materialized-views',
    query: `select ${name} as object, '' as detail from ${table} where c.relkind = 'm' and ${own('pg_class', 'c.oid')}`,
    message: ({ object }) => `${object} is a materialized view; it arrives without data.`,
    remedy: 'It is refreshed on the destination after the switch.',
  },
  {
    code: 'sequence.not-replicated',
    severity: 'handled',
    handledBy: 'synchronize-sequences',
    query: `select count(*) || ' sequences' as object, '' as detail from ${table} where c.relkind = 'S' and ${own('pg_class', 'c.oid')} having count(*) > 0`,
    message: ({ object }) => `${object} do not follow the replication.`,
    remedy: 'They are set in the write stop and compared after the promotion.',
  },
];
