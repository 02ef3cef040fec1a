import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';

export interface Signed {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A certificate authority of one instance, as every Cloud SQL instance has its own. */
export interface Authority {
  readonly certificate: string;
  sign(request: { readonly commonName: string; readonly address?: string; readonly days: number }): Promise<Signed>;
}

const config = `[req]
distinguished_name = name
string_mask = utf8only
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`;

const subject = (commonName: string) => `/O=sandbox/CN=${commonName.replace(/[/\\+,]/g, '\\$&')}`;
const newKey = (kind: 'ec' | 'rsa:2048') =>
  kind === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] : ['-newkey', kind, '-nodes'];

/** Ten years, as Cloud SQL's. `directory` is for files of the moment, readable by us alone. */
export async function createAuthority(openssl: string, directory: string, name: string): Promise<Authority> {
  const scratch = async <T>(work: (at: (file: string) => string) => Promise<T>): Promise<T> => {
    const place = await mkdtemp(join(directory, 'tls-'));
    try {
      await writeFile(join(place, 'openssl.cnf'), config);
      return await work((file) => join(place, file));
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  };
  const authority = await scratch(async (at) => {
    const words = ['-days', '3650', '-subj', subject(name), '-config', at('openssl.cnf'), '-extensions', 'ca', '-out', at('ca.pem')];
    await run({ program: openssl, args: ['req', '-x509', '-utf8', ...newKey('ec'), '-keyout', at('ca.key'), ...words] });
    return { certificate: await readFile(at('ca.pem'), 'utf8'), privateKey: await readFile(at('ca.key'), 'utf8') };
  });
  return {
    certificate: authority.certificate,
    sign: ({ commonName, address, days }) =>
      scratch(async (at) => {
        await writeFile(at('ca.pem'), authority.certificate);
        await writeFile(at('ca.key'), authority.privateKey, { mode: 0o600 });
        await writeFile(at('extensions'), address ? `subjectAltName = IP:${address}\n` : 'extendedKeyUsage = clientAuth\n');
        const key = newKey(address ? 'ec' : 'rsa:2048');
        const request = ['-subj', subject(commonName), '-config', at('openssl.cnf'), '-keyout', at('key'), '-out', at('request')];
        await run({ program: openssl, args: ['req', '-new', '-utf8', ...key, ...request] });
        const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-set_serial', `0x00${randomBytes(12).toString('hex')}`];
        const made = ['-days', String(days), '-extfile', at('extensions'), '-out', at('certificate')];
        await run({ program: openssl, args: ['x509', '-req', '-in', at('request'), ...signing, ...made] });
        return { certificate: await readFile(at('certificate'), 'utf8'), privateKey: await readFile(at('key'), 'utf8') };
      }),
  };
}

/** The two fields that sslCerts.insert answers beside the certificate: hex of the DER's SHA-1, and RFC 3339. */
export function describeCertificate(pem: string): { readonly sha1Fingerprint: string; readonly expirationTime: string } {
  const certificate = new X509Certificate(pem);
  return {
    sha1Fingerprint: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
    expirationTime: new Date(certificate.validTo).toISOString(),
  };
}
