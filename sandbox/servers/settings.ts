import { access } from 'node:fs/promises';

/** Cloud SQL's three values of settings.ipConfiguration.sslMode. */
export type SslMode = 'ALLOW_UNENCRYPTED_AND_ENCRYPTED' | 'ENCRYPTED_ONLY' | 'TRUSTED_CLIENT_CERTIFICATE_REQUIRED';

const quoted = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

function lines(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoted(value)}\n`)
    .join('');
}

/**
 * Cloud SQL's flags as PostgreSQL's settings. `cloudsql.*` are shown under their own names too, as there. A later line wins, so a
 * flag given by its own name is stronger than what a `cloudsql.*` flag implies.
 */
export function flagSettings(flags: Readonly<Record<string, string>>): string {
  const on = (name: string) => flags[name] === 'on';
  return lines({
    wal_level: on('cloudsql.logical_decoding') ? 'logical' : 'replica',
    shared_preload_libraries: on('cloudsql.enable_pglogical') ? 'pglogical' : '',
    'cloudsql.logical_decoding': 'off',
    'cloudsql.enable_pglogical': 'off',
    'cloudsql.iam_authentication': 'off',
    ...flags,
  });
}

/** What does not change while the instance lives. */
export async function baseSettings(instance: {
  readonly directory: string;
  readonly host: string;
  readonly port: number;
}): Promise<string> {
  const { directory, host, port } = instance;
  // Debian's PostgreSQL reads the host's time zone files; a container without them knows GMT only.
  const utc = await access('/usr/share/zoneinfo/UTC').then(
    () => 'UTC',
    () => 'GMT',
  );
  return lines({
    data_directory: `${directory}/data`,
    hba_file: `${directory}/pg_hba.conf`,
    ident_file: '/dev/null',
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    ssl: 'on',
    ssl_cert_file: `${directory}/server.pem`,
    ssl_key_file: `${directory}/server.key`,
    ssl_ca_file: `${directory}/ca.pem`,
    shared_buffers: '64MB',
    dynamic_shared_memory_type: 'posix',
    min_wal_size: '64MB',
    max_connections: '200',
    jit: 'off',
    // A subscriber tells what it has every second instead of every ten: the floor of a drain.
    wal_receiver_status_interval: '1s',
    log_line_prefix: '%m [%p] %u@%d ',
    log_timezone: utc,
    timezone: utc,
    datestyle: 'iso, mdy',
    lc_messages: 'C.UTF-8',
    default_text_search_config: 'pg_catalog.english',
  });
}

/**
 * Who may connect how, by the instance's sslMode; its own agents come from this machine. A client certificate that is shown must be of
 * this instance's authority; only TRUSTED_CLIENT_CERTIFICATE_REQUIRED demands one.
 */
export function hostAccess(mode: SslMode): string {
  const certificate = mode === 'TRUSTED_CLIENT_CERTIFICATE_REQUIRED' ? ' clientcert=verify-ca' : '';
  const rules = [
    'host all cloudsqladmin,cloudsqlagent 127.0.0.0/8 scram-sha-256',
    `hostssl all all all scram-sha-256${certificate}`,
    ...(mode === 'ALLOW_UNENCRYPTED_AND_ENCRYPTED' ? ['host all all all scram-sha-256'] : []),
  ];
  return `${rules.join('\n')}\n`;
}
