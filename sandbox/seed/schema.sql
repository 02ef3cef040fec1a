-- The schema of the procedure's own service, run as the application's user in its database.
create type campaign_status as enum ('draft', 'scheduled', 'running', 'finished', 'Ärger "quoted"');
create type test_contact as (contact_id bigint, email text);
create type program_run as (run_id bigint, started_at timestamptz, result numeric(12, 4));
create domain application_code as text check (value ~ '^[A-Z0-9-]{3,20}$');

create table campaign (
  id bigserial primary key,
  customer_id integer not null,
  application_code application_code not null,
  priority integer not null,
  name text not null,
  contacts test_contact[],
  status campaign_status not null default 'draft',
  payload jsonb not null default '{}',
  amount numeric(20, 6),
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  constraint campaign_priority unique (customer_id, application_code, priority) deferrable initially deferred,
  constraint campaign_amount_positive check (amount >= 0)
);
comment on table campaign is 'What is sent to whom, and when';
comment on column campaign.priority is 'Unique per customer and application; swapped inside one transaction, hence deferred';
alter sequence campaign_id_seq restart with 734211;
create index campaign_running on campaign (customer_id) where status = 'running';
create index campaign_name_lower on campaign (lower(name));

create table program (
  id serial primary key,
  campaign_id bigint not null references campaign (id) on delete cascade,
  runs program_run[] not null default '{}',
  last_run program_run,
  tags text[] not null default '{}'
);
alter sequence program_id_seq restart with 90001;
create index program_campaign on program (campaign_id);
create index program_tags on program using gin (tags);

create table device_registration (
  device_id uuid primary key default gen_random_uuid(),
  customer_id integer not null,
  push_token bytea not null,
  attributes jsonb not null,
  registered_at timestamptz not null default now(),
  updated_at timestamptz
);

create table event_log (
  id bigint generated always as identity (start with 5000001) primary key,
  kind text not null,
  body bytea,
  score double precision,
  at timestamptz not null default now()
);
create index event_log_at on event_log using brin (at);

create table knex_migrations (
  id serial primary key,
  name varchar(255),
  batch integer,
  migration_time timestamptz
);
create table knex_migrations_lock (
  "index" integer,
  is_locked integer
);

create table pod_write (
  id uuid primary key,
  pod text not null,
  seq bigint not null,
  at timestamptz not null default now()
);

create table feature_toggle_override (
  name text primary key,
  enabled boolean not null
);

create table "Größe ""order"" – select" (
  "user" integer,
  "Straße/№ 1" text not null default 'ß',
  "from" interval,
  primary key ("user", "Straße/№ 1")
);

create sequence invoice_number as bigint increment by 10 start with 1000000 cache 5;

create schema audience_data;
comment on schema audience_data is 'One partition an audience, created when the first member comes';
create table audience_data.member (
  partition_key integer not null,
  member_id bigint not null,
  contact test_contact not null,
  attributes jsonb not null default '{}',
  joined_at timestamptz not null default now(),
  primary key (partition_key, member_id)
) partition by list (partition_key);
create index member_joined_at on audience_data.member (joined_at);
create table audience_data.member_1 partition of audience_data.member for values in (1);
create table audience_data.member_2 partition of audience_data.member for values in (2);
create table audience_data.member_3 partition of audience_data.member for values in (3);
create table audience_data.member_4 partition of audience_data.member for values in (4);
create table audience_data.member_5 partition of audience_data.member for values in (5);

-- What the partition worker works off by creating the partition.
create table audience_data.partition_queue (
  id bigserial primary key,
  partition_key integer not null unique,
  requested_at timestamptz not null default now()
);

create function touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;
create trigger campaign_touch before update on campaign for each row execute function touch_updated_at();
create trigger device_registration_touch before update on device_registration for each row execute function touch_updated_at();

create function campaign_count(customer integer) returns bigint language sql stable as $$
  select count(*) from campaign where customer_id = customer
$$;

create view campaign_overview as
select c.id, c.name, c.status, cardinality(c.contacts) as contacts, count(p.id) as programs
from campaign c left join program p on p.campaign_id = c.id
group by c.id;

create materialized view campaign_totals as
select customer_id, count(*) as campaigns, sum(amount) as amount from campaign group by customer_id
with no data;
create unique index campaign_totals_customer on campaign_totals (customer_id);
