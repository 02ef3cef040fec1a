import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { certificateName, clientKeySecret } from '../../gcp/names.ts';

/** What the ledger keeps of it: public parts only. The connection profiles are made from it. */
export interface CertificateRecord {
  readonly sha1Fingerprint: string;
  readonly certificate: string;
  readonly serverCa: string;
}

/** Google gives the private key once, in the answer to the insertion: it goes to Secret Manager at once. */
export const createClientCertificate: Step<Pick<Clients, 'target' | 'cloudSql' | 'secrets'>> = {
  id: 'create-client-certificate',
  title: 'Create a client certificate on the source',
  impact: 'none',

  async check({ target, cloudSql, secrets }, run) {
    const name = certificateName(run);
    const record = run.recall<CertificateRecord>('certificate');
    const present = (await cloudSql.certificates(target.source)).find(({ commonName }) => commonName === name);
    const keyStored = (await secrets.latest(clientKeySecret(run))) !== undefined;
    if (present && record && present.sha1Fingerprint === record.sha1Fingerprint && keyStored)
      return done(`certificate ${name} is valid until ${present.expirationTime}, its key is in secret ${clientKeySecret(run)}`);
    return todo([
      ...(present ? [`delete the client certificate ${name} of ${target.source}: its private key is not to be had any more`] : []),
      `create the client certificate ${name} on ${target.source}`,
      `store its private key in secret ${clientKeySecret(run)}`,
    ]);
  },

  async apply({ target, cloudSql, secrets }, run) {
    const name = certificateName(run);
    const left = (await cloudSql.certificates(target.source)).find(({ commonName }) => commonName === name);
    if (left)
      await cloudSql.wait(await cloudSql.deleteCertificate(target.source, left.sha1Fingerprint), {
        signal: run.signal,
        timeoutMs: 5 * 60_000,
      });
    const made = await cloudSql.insertCertificate(target.source, name);
    await secrets.put(clientKeySecret(run), made.privateKey);
    await run.record('certificate', {
      sha1Fingerprint: made.sha1Fingerprint,
      certificate: made.certificate,
      serverCa: made.serverCa,
    } satisfies CertificateRecord);
  },

  async undo({ target, cloudSql, secrets }, run) {
    const left = (await cloudSql.certificates(target.source)).find(({ commonName }) => commonName === certificateName(run));
    if (left)
      await cloudSql.wait(await cloudSql.deleteCertificate(target.source, left.sha1Fingerprint), {
        signal: run.signal,
        timeoutMs: 5 * 60_000,
      });
    await secrets.destroy(clientKeySecret(run));
  },
};
