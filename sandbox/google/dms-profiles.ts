import { beginLro, refuseWhileWorking, repeated } from './dms-operations.ts';
import { exists, invalid, notFound, precondition } from './fault.ts';
import { instanceOf, removeInstance } from './sql-instances.ts';
import { type Google, type Handlers, handler, now, type Profile, type ProfileState, param } from './state.ts';

/** Passwords and keys go in and never come out: `passwordSet` says that there is one. */
export function profileHandlers(google: Google): Handlers {
  const { profiles, jobs } = google.state;
  const nameOf = (params: Readonly<Record<string, string>>) =>
    `projects/${param(params, 'project')}/locations/${param(params, 'location')}/connectionProfiles/${param(params, 'connectionProfile')}`;
  const find = (params: Readonly<Record<string, string>>) => {
    const found = profiles.get(nameOf(params));
    if (!found) throw notFound(nameOf(params));
    return found;
  };
  return {
    'datamigration.projects.locations.connectionProfiles.create': handler(({ params, query }, body: Profile) => {
      const parent = `projects/${param(params, 'project')}/locations/${param(params, 'location')}`;
      const id = query['connectionProfileId'] ?? '';
      if (!/^[a-z][a-z0-9-]{0,59}$/.test(id)) throw invalid(`connectionProfileId "${id}" must match [a-z][a-z0-9-]{0,59}.`);
      const before = repeated(google, 'create', query['requestId']);
      if (before) return before;
      const name = `${parent}/connectionProfiles/${id}`;
      if (profiles.has(name)) throw exists(`Resource '${name}' already exists`);
      const made = profileState(google, name, param(params, 'project'), body);
      const work = () => {
        profiles.set(name, made);
        return Promise.resolve(made.shown);
      };
      return beginLro(google, {
        parent,
        verb: 'create',
        target: name,
        responseType: 'ConnectionProfile',
        requestId: query['requestId'],
        work,
      });
    }),
    'datamigration.projects.locations.connectionProfiles.get': handler(({ params }) => find(params).shown),
    'datamigration.projects.locations.connectionProfiles.list': handler(({ params }) => {
      const prefix = `projects/${param(params, 'project')}/locations/${param(params, 'location')}/`;
      return { connectionProfiles: [...profiles].filter(([name]) => name.startsWith(prefix)).map(([, profile]) => profile.shown) };
    }),
    'datamigration.projects.locations.connectionProfiles.delete': handler(({ params, query }) => {
      const name = nameOf(params);
      const profile = find(params);
      refuseWhileWorking(google, name);
      const force = query['force'] === 'true';
      const user = [...jobs.values()].find((job) => job.shown.source === name || job.shown.destination === name);
      if (user && !force) throw precondition(`Connection profile '${name}' is used by migration job '${user.name}'.`);
      const work = async () => {
        profiles.delete(name);
        const instance = profile.shown.postgresql?.cloudSqlId;
        // With `force` the real service deletes the replica too. A bug that sends it shall show.
        if (force && profile.shown.role === 'DESTINATION' && instance)
          await removeInstance(google, instanceOf(google, param(params, 'project'), instance));
        return {};
      };
      return beginLro(google, { parent: name.split('/').slice(0, 4).join('/'), verb: 'delete', target: name, work });
    }),
  };
}

function profileState(google: Google, name: string, project: string, body: Profile): ProfileState {
  const given = body.postgresql;
  if (!given) throw invalid('The sandbox takes PostgreSQL connection profiles only (field postgresql).');
  const { password, ssl, ...shown } = given;
  if (given.cloudSqlId) instanceOf(google, project, given.cloudSqlId);
  if (!given.cloudSqlId && !given.host) throw invalid('postgresql.host or postgresql.cloudSqlId must be given.');
  if (body.role !== 'DESTINATION' && (!given.host || !given.port || !given.username || !password))
    throw invalid('A source profile needs postgresql.host, port, username and password.');
  if (ssl?.type === 'SERVER_CLIENT' && (!ssl.caCertificate || !ssl.clientCertificate || !ssl.clientKey))
    throw invalid('ssl.type SERVER_CLIENT needs caCertificate, clientCertificate and clientKey.');
  const time = now();
  return {
    password: password ?? '',
    certificates: ssl ? { ca: ssl.caCertificate ?? '', cert: ssl.clientCertificate ?? '', key: ssl.clientKey ?? '' } : undefined,
    shown: {
      name,
      state: 'READY',
      createTime: time,
      updateTime: time,
      ...(body.displayName ? { displayName: body.displayName } : {}),
      ...(body.labels ? { labels: body.labels } : {}),
      ...(body.provider ? { provider: body.provider } : {}),
      ...(body.role ? { role: body.role } : {}),
      postgresql: { ...shown, passwordSet: Boolean(password), ...(ssl ? { ssl: { type: ssl.type ?? 'SERVER_ONLY' } } : {}) },
    },
  };
}
