import type { Session } from '../session.ts';
import type { Column } from './form.ts';

interface MadeType extends Record<string, unknown> {
  readonly id: string;
  readonly fields: readonly Column[] | null;
  readonly labels: readonly string[] | null;
}

/** Adds to a column what its type consists of, if that is an enum or a composite that users made, all the way down. */
export async function madeTypes(session: Session): Promise<(column: Column) => Column> {
  const types = new Map((await session.query<MadeType>(query)).map((type) => [Number(type.id), type]));
  const described = ({ name, type, typeId }: Column): Column => {
    const { fields, labels } = types.get(typeId) ?? {};
    return { name, type, typeId, ...(fields ? { fields: fields.map(described) } : {}), ...(labels ? { labels } : {}) };
  };
  return described;
}

/** Only of columns and fields, and where their names may be said: others are hashed by their text, which asks for no right. */
const query = `
  select t.oid::bigint::text as id,
    (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
    (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'typeId', a.atttypid::bigint) order by a.attnum)
      from pg_attribute a where t.typrelid <> 0 and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) as fields
  from pg_type t
  where t.oid >= 16384 and t.typtype in ('c', 'e') and has_schema_privilege(t.typnamespace, 'USAGE')
    and t.oid in (select atttypid from pg_attribute where attnum > 0 and not attisdropped)`;
