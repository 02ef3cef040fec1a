import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDeployments, type Deployment } from '../../sandbox/kubernetes/deployments.ts';
import { createKubernetesServer } from '../../sandbox/kubernetes/server.ts';
import { createLedger } from '../../sandbox/pods/ledger.ts';

const token = 'a-token';
const pod = `
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.once('message', () => {
  process.send({ type: 'connected', at: Date.now(), server: 'nowhere' });
  setInterval(() => process.send({ type: 'read', at: Date.now(), server: 'nowhere' }), 10);
});`;

/** The API with one deployment (`here/writer`, two pods that end at SIGTERM), and KUBECONFIG says so until it is closed. */
export async function openOneDeployment() {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-pods-'));
  const ledger = createLedger();
  await writeFile(join(workDir, 'pod.mjs'), pod);
  const deployments = createDeployments({
    podEntry: join(workDir, 'pod.mjs'),
    ledger,
    resolve: () => ({ host: 'nowhere', port: 1 }),
    flipper: () => '',
    graceMs: 2_000,
  });
  const server = createKubernetesServer({ port: 0, token, deployments, flags: new Map() });
  const base = await server.listen();
  const config = join(workDir, 'kubeconfig');
  await writeFile(config, server.kubeconfig());
  const configBefore = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = config;
  const spec = { kind: 'worker', replicas: 2, environment: {}, user: '', password: '', database: '', pauseMs: 0 } as const;
  deployments.add({ namespace: 'here', name: 'writer', ...spec });
  return {
    ledger,
    deployments,
    server,
    base,
    token,
    deployment: deployments.get('here', 'writer') as Deployment,
    async close(): Promise<void> {
      if (configBefore === undefined) delete process.env['KUBECONFIG'];
      else process.env['KUBECONFIG'] = configBefore;
      await deployments.close();
      await server.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}
