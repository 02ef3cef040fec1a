/** The password of the instance's own agents, who connect from this machine only. */
export const agentPassword = 'sandbox';

/** What a pod shows instead of Google's IAM token; PostgreSQL checks it as a password. */
export const iamToken = 'iam-token';

/**
 * Cloud SQL's rights: `postgres` is no superuser. `cloudsqlpatched` stands for the server's patch that lets `postgres` run four
 * statements of a superuser: a superuser's attribute is never inherited, so it has effect by SET ROLE only, and as the role owns nothing
 * there is nothing else to inherit; from 16 on a membership can say so itself.
 */
export function clusterRoles(version: number): string {
  const patched = version >= 16 ? ' with inherit false, set true' : '';
  return `
create role cloudsqlsuperuser nologin createrole createdb;
create role cloudsqlpatched nologin superuser;
create role cloudsqlagent login password '${agentPassword}';
create role cloudsqliamuser nologin;
create role cloudsqliamserviceaccount nologin;
create role postgres login createrole createdb;
grant pg_monitor to cloudsqlagent;
grant cloudsqlsuperuser, pg_monitor, pg_signal_backend to postgres;
grant cloudsqlpatched to postgres${patched};
alter database postgres owner to cloudsqlsuperuser;
create database cloudsqladmin;
revoke all on database cloudsqladmin from public;
grant connect on database cloudsqladmin to cloudsqlagent;
`;
}

/** In database `cloudsqladmin`: what the agent writes every second, so that WAL never stands still. */
export const heartbeatTable = `
create table heartbeat (id integer primary key, at timestamptz not null);
insert into heartbeat values (1, now());
grant select, update on heartbeat to cloudsqlagent;
`;
