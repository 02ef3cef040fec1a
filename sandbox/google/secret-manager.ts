import { exists, invalid, notFound } from './fault.ts';
import type { Google, Handlers, SecretState } from './state.ts';
import { handler, now, param } from './state.ts';

interface Payload {
  readonly payload?: { readonly data?: string };
}
interface SecretBody {
  readonly replication?: object;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Secret Manager v1; values live in this process alone. */
export function secretHandlers(google: Google): Handlers {
  const { secrets } = google.state;
  const key = (params: Readonly<Record<string, string>>) => `${param(params, 'project')}/${param(params, 'secret')}`;
  const nameOf = (of: string) => `projects/${of.replace('/', '/secrets/')}`;
  const find = (of: string): SecretState => {
    const found = secrets.get(of);
    if (!found) throw notFound(nameOf(of));
    return found;
  };
  const shown = (of: string, secret: SecretState) => ({
    name: nameOf(of),
    replication: { automatic: {} },
    labels: secret.labels,
    createTime: secret.createTime,
  });
  const version = (of: string, wanted: string) => {
    const { versions } = find(of);
    const number = wanted === 'latest' ? versions.length : Number(wanted);
    const found = versions[number - 1];
    if (!found) throw notFound(`${nameOf(of)}/versions/${wanted}`);
    return { found, name: `${nameOf(of)}/versions/${number}` };
  };

  return {
    'secretmanager.projects.secrets.create': handler(({ params, query }, body: SecretBody) => {
      const id = query['secretId'] ?? '';
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(id)) throw invalid(`Secret id "${id}" is not valid.`);
      if (!body.replication) throw invalid('secret.replication must be provided.');
      const of = `${param(params, 'project')}/${id}`;
      if (secrets.has(of)) throw exists(`Secret [${nameOf(of)}] already exists.`);
      const made = { labels: body.labels ?? {}, createTime: now(), versions: [] };
      secrets.set(of, made);
      return shown(of, made);
    }),
    'secretmanager.projects.secrets.get': handler(({ params }) => shown(key(params), find(key(params)))),
    'secretmanager.projects.secrets.list': handler(({ params }) => {
      const own = [...secrets].filter(([of]) => of.startsWith(`${param(params, 'project')}/`));
      return { secrets: own.map(([of, secret]) => shown(of, secret)), totalSize: own.length };
    }),
    'secretmanager.projects.secrets.delete': handler(({ params }) => {
      find(key(params));
      secrets.delete(key(params));
      return {};
    }),
    'secretmanager.projects.secrets.addVersion': handler(({ params }, body: Payload) => {
      if (body.payload?.data === undefined) throw invalid('payload.data must be provided.');
      const secret = find(key(params));
      secret.versions.push({ data: Buffer.from(body.payload.data, 'base64'), createTime: now() });
      return { name: `${nameOf(key(params))}/versions/${secret.versions.length}`, createTime: now(), state: 'ENABLED' };
    }),
    'secretmanager.projects.secrets.versions.access': handler(({ params }) => {
      const { found, name } = version(key(params), param(params, 'version'));
      return { name, payload: { data: found.data.toString('base64') } };
    }),
    'secretmanager.projects.secrets.versions.get': handler(({ params }) => {
      const { found, name } = version(key(params), param(params, 'version'));
      return { name, createTime: found.createTime, state: 'ENABLED' };
    }),
    'secretmanager.projects.secrets.versions.list': handler(({ params }) => {
      const { versions } = find(key(params));
      const all = versions.map((one, index) => ({
        name: `${nameOf(key(params))}/versions/${index + 1}`,
        createTime: one.createTime,
        state: 'ENABLED',
      }));
      return { versions: all.reverse(), totalSize: all.length };
    }),
  };
}
