import type { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import type { GoogleAuth } from './auth.ts';
import { type Call, calling, reading } from './errors.ts';
import type { Secrets } from './types.ts';

/**
 * Secret Manager of one project, over REST (`fallback`): one code path for the real cloud and for a stand-in, whose
 * token gRPC would not carry over plain HTTP. `guard` is awaited before every call that changes something.
 */
export function createSecrets(options: {
  readonly auth: GoogleAuth;
  readonly endpoint?: string | undefined;
  readonly project: string;
  readonly guard: () => Promise<void>;
}): Secrets {
  const { project, guard } = options;
  let loaded: Promise<SecretManagerServiceClient> | undefined;
  const client = () => {
    loaded ??= import('@google-cloud/secret-manager').then(
      ({ SecretManagerServiceClient }) =>
        new SecretManagerServiceClient({ fallback: true, projectId: project, auth: options.auth, ...addressed(options.endpoint) }),
    );
    return loaded;
  };
  const parent = `projects/${project}`;
  const secret = (name: string) => `${parent}/secrets/${name}`;
  const on = (method: string, name: string, role: string, value?: string): Call => ({
    method: `secretmanager.${method}`,
    resource: `secret ${name} of project ${project}`,
    role,
    ...(value === undefined ? {} : { secrets: [value, Buffer.from(value).toString('base64')] }),
  });
  const latest = async (name: string) => {
    const call = on('secrets.versions.access', name, 'roles/secretmanager.secretAccessor');
    const answer = await reading(call, async () => (await client()).accessSecretVersion({ name: `${secret(name)}/versions/latest` }));
    const data = answer?.[0].payload?.data;
    return data === undefined || data === null ? undefined : Buffer.from(data as Uint8Array | string).toString('utf8');
  };

  return {
    latest,
    async put(name, value) {
      if ((await latest(name)) === value) return;
      const create = on('secrets.create', name, 'roles/secretmanager.admin');
      const found = await reading(on('secrets.get', name, 'roles/secretmanager.viewer'), async () =>
        (await client()).getSecret({ name: secret(name) }),
      );
      if (!found) {
        await guard();
        const body = { replication: { automatic: {} }, labels: { 'managed-by': 'pgupgrade' } };
        await calling(create, async () => (await client()).createSecret({ parent, secretId: name, secret: body }));
      }
      await guard();
      // Adding a version is not idempotent: the client never repeats it, and read before it is tried again.
      await calling(on('secrets.addVersion', name, 'roles/secretmanager.secretVersionAdder', value), async () =>
        (await client()).addSecretVersion({ parent: secret(name), payload: { data: Buffer.from(value) } }),
      );
    },
    async destroy(name) {
      await guard();
      await reading(on('secrets.delete', name, 'roles/secretmanager.admin'), async () => {
        await (await client()).deleteSecret({ name: secret(name) });
        return true;
      });
    },
  };
}

function addressed(endpoint: string | undefined) {
  if (!endpoint) return {};
  const { hostname, port, protocol } = new URL(endpoint);
  const plain = protocol === 'http:';
  return { apiEndpoint: hostname, servicePath: hostname, protocol: plain ? 'http' : 'https', port: Number(port || (plain ? 80 : 443)) };
}
