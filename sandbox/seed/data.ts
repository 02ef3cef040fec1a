/**
 * What fills the tables: the same rows at every run. `$1` is the scale (1 ≈ 20 MB). Each list runs in a session of its own, side by side
 * with the others, its statements in order, as one transaction that begins by emptying: with `wal_level = minimal` a table emptied in the same
 * transaction is filled without WAL.
 */
export const dataStreams: readonly (readonly string[])[] = [
  [
    'truncate campaign, program',
    `insert into campaign (customer_id, application_code, priority, name, contacts, status, payload, amount, created_at)
     select 100 + i % 50, 'APP-' || i % 7, i / 350, 'Campaign ' || i || case i % 5 when 0 then ' – Frühling' when 1 then ' 春' else '' end,
       case i % 4 when 0 then null when 1 then '{}' else array[row(i, 'a' || i || '@example.test')::test_contact, row(i + 1, null)::test_contact] end,
       (enum_range(null::campaign_status))[1 + i % 5],
       jsonb_build_object('segment', i % 97, 'nested', jsonb_build_object('ratio', i / 7.0, 'none', null), 'body', repeat(md5(i::text), 20)),
       case i % 11 when 0 then null else i * 1.000001 end,
       timestamptz '2024-01-01 00:00:00+00' + i * interval '17 seconds'
     from generate_series(1, 5000 * $1::int) i`,
    `insert into program (campaign_id, runs, last_run, tags)
     select 734211 + (i * 13) % (5000 * $1::int),
       (select array_agg(row(i * 10 + n, timestamptz '2025-01-01 00:00:00+00' + n * interval '1 hour', n / 3.0)::program_run) from generate_series(1, 1 + i % 12) n),
       case i % 3 when 0 then null else row(i, null, 0.5)::program_run end, array['t' || i % 9, 'ü']
     from generate_series(1, 1500 * $1::int) i`,
  ],
  [
    'truncate audience_data.member',
    `insert into audience_data.member (partition_key, member_id, contact, attributes, joined_at)
     select 1 + i % 4, i, row(i, 'm' || i || '@example.test')::test_contact,
       jsonb_build_object('city', 'C' || i % 321, 'note', repeat(md5(i::text), 13)), timestamptz '2024-06-01 00:00:00+00' + i * interval '5 seconds'
     from generate_series(1, 12000 * $1::int) i`,
  ],
  [
    'truncate device_registration, event_log',
    `insert into device_registration (device_id, customer_id, push_token, attributes, registered_at)
     select md5('device-' || i)::uuid, 100 + i % 50, decode(repeat(md5(i::text), 8), 'hex'),
       jsonb_build_object('os', case i % 2 when 0 then 'ios' else 'android' end, 'model', repeat(md5((-i)::text), 8)), timestamptz '2025-03-01 00:00:00+00' + i * interval '9 seconds'
     from generate_series(1, 5000 * $1::int) i`,
    `insert into event_log (kind, body, score, at)
     select (array['open', 'click', 'bounce'])[1 + i % 3], case i % 20 when 0 then null else decode(repeat(md5(i::text), 40), 'hex') end,
       case i % 50 when 0 then 'NaN' when 1 then '-Infinity' else sqrt(i) end, timestamptz '2025-05-01 00:00:00+00' + i * interval '3 seconds'
     from generate_series(1, 3000 * $1::int) i`,
    `insert into knex_migrations (name, batch, migration_time)
     select to_char(i, 'FM0000') || '_migration.js', 1 + i / 10, timestamptz '2023-01-01 00:00:00+00' + i * interval '3 days' from generate_series(1, 120) i`,
    'insert into knex_migrations_lock values (1, 0)',
    `insert into "Größe ""order"" – select" select i, 'Straße ' || i, i * interval '1 minute' from generate_series(1, 50) i`,
    `select nextval('invoice_number') from generate_series(1, 37)`,
  ],
];
