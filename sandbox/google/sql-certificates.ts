import { X509Certificate } from 'node:crypto';
import type { sqladmin_v1 } from 'googleapis/build/src/apis/sqladmin/v1.js';
import type { Cluster } from '../types.ts';
import { exists, invalid, notFound, precondition } from './fault.ts';
import { clusterOf, instanceOf, shownInstance } from './sql-instances.ts';
import { beginSqlOperation, refuseWhileBusy } from './sql-operations.ts';
import { type Google, type Handlers, handler, now, param } from './state.ts';

const limit = 10;

/** Client certificates are signed by the instance's own authority; a private key is given once and kept nowhere. */
export function certificateHandlers(google: Google): Handlers {
  const at = (params: Readonly<Record<string, string>>) => instanceOf(google, param(params, 'project'), param(params, 'instance'));
  const serverCa = (cluster: Cluster): sqladmin_v1.Schema$SslCert => ({
    kind: 'sql#sslCert',
    cert: cluster.serverCa,
    instance: cluster.name,
    commonName: `${cluster.name} server CA`,
    sha1Fingerprint: new X509Certificate(cluster.serverCa).fingerprint.replaceAll(':', '').toLowerCase(),
    expirationTime: new Date(new X509Certificate(cluster.serverCa).validTo).toISOString(),
  });

  return {
    'sql.sslCerts.list': handler(({ params }) => ({ kind: 'sql#sslCertsList', items: [...at(params).certificates.values()] })),
    'sql.sslCerts.get': handler(({ params }) => {
      const found = at(params).certificates.get(param(params, 'sha1Fingerprint'));
      if (!found) throw notFound(`certificate ${params['sha1Fingerprint'] ?? ''}`);
      return found;
    }),
    'sql.sslCerts.insert': handler(async ({ params }, body: sqladmin_v1.Schema$SslCertsInsertRequest) => {
      const instance = at(params);
      const cluster = clusterOf(google, instance);
      const { project, name } = instance;
      const { commonName } = body;
      if (!commonName) throw invalid('Invalid request: commonName is required.');
      // Signed before it is asked whether it may be: two insertions at once must not both find the name free.
      const { certificate, privateKey, sha1Fingerprint, expirationTime } = await cluster.clientCertificate(commonName);
      refuseWhileBusy(google, project, name);
      if ([...instance.certificates.values()].some((one) => one.commonName === commonName))
        throw exists(`A client certificate named ${commonName} already exists.`);
      if (instance.certificates.size >= limit) throw precondition(`Invalid request: an instance has at most ${limit} client certificates.`);
      const certInfo = {
        kind: 'sql#sslCert',
        commonName,
        sha1Fingerprint,
        expirationTime,
        cert: certificate,
        createTime: now(),
        instance: name,
      };
      const operation = beginSqlOperation(google, { project, instance: name, type: 'UPDATE', work: () => Promise.resolve() });
      instance.certificates.set(sha1Fingerprint, certInfo);
      return {
        kind: 'sql#sslCertsInsert',
        clientCert: { certInfo, certPrivateKey: privateKey },
        serverCaCert: serverCa(cluster),
        operation,
      };
    }),
    'sql.sslCerts.delete': handler(({ params }) => {
      const instance = at(params);
      const { project, name, certificates } = instance;
      const fingerprint = param(params, 'sha1Fingerprint');
      if (!certificates.has(fingerprint)) throw notFound(`certificate ${fingerprint}`);
      const work = () => {
        certificates.delete(fingerprint);
        return Promise.resolve();
      };
      return beginSqlOperation(google, { project, instance: name, type: 'UPDATE', work });
    }),
    'sql.connect.get': handler(async ({ params }) => {
      const instance = at(params);
      const shown = shownInstance(google, instance);
      return {
        kind: 'sql#connectSettings',
        backendType: shown.backendType,
        databaseVersion: shown.databaseVersion,
        region: shown.region,
        ipAddresses: shown.ipAddresses ?? [],
        serverCaCert: serverCa(clusterOf(google, instance)),
        serverCaMode: 'GOOGLE_MANAGED_INTERNAL_CA',
      };
    }),
  };
}
