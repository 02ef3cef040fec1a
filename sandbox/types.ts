/** What the parts of the sandbox know of each other. Nothing here is imported by src, and nothing of src here. */

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** One real PostgreSQL server: what a Cloud SQL instance is made of here. */
export interface Cluster {
  readonly name: string;
  readonly version: number;
  /** Every cluster has a loopback address of its own (127.0.a.b) and all share one port, because Google's API gives addresses and no ports. */
  readonly host: string;
  readonly port: number;
  /** PEM of the instance's own CA, which signs its server certificate and its client certificates. */
  readonly serverCa: string;
  /** The bootstrap superuser `cloudsqladmin`. */
  readonly admin: Connection;
  /** Of the postmaster, while it runs. */
  pid(): number | undefined;
  running(): boolean;
  /** Sets server settings (`null`: back to the default) and restarts if `restart`. */
  configure(settings: Readonly<Record<string, string | null>>, restart: boolean): Promise<void>;
  restart(): Promise<void>;
  /** Kills its postmaster (SIGKILL) and leaves it down until it is restarted. One that is killed by its pid comes back by itself. */
  crash(): Promise<void>;
  /** Cloud SQL's settings.ipConfiguration.sslMode; in force for new connections when it resolves. */
  setSslMode(mode: 'ALLOW_UNENCRYPTED_AND_ENCRYPTED' | 'ENCRYPTED_ONLY' | 'TRUSTED_CLIENT_CERTIFICATE_REQUIRED'): Promise<void>;
  /** Signs a client certificate of role `commonName` is free text here, as with Cloud SQL. */
  clientCertificate(commonName: string): Promise<{
    readonly certificate: string;
    readonly privateKey: string;
    readonly sha1Fingerprint: string;
    readonly expirationTime: string;
  }>;
  /** As the API makes users: built-in users are members of cloudsqlsuperuser, IAM users (password-less) are not. */
  createUser(user: { readonly name: string; readonly type: 'BUILT_IN' | 'IAM'; readonly password?: string }): Promise<void>;
  setPassword(name: string, password: string): Promise<void>;
  dropUser(name: string): Promise<void>;
}

export interface Fleet {
  /** initdb, Cloud SQL's roles, start. `flags` are Cloud SQL's database flags (`cloudsql.*` included). */
  create(request: {
    readonly name: string;
    readonly version: number;
    readonly flags: Readonly<Record<string, string>>;
    readonly rootPassword?: string;
    /** ENCRYPTED_ONLY if left out. */
    readonly sslMode?: Parameters<Cluster['setSslMode']>[0];
  }): Promise<Cluster>;
  get(name: string): Cluster | undefined;
  list(): readonly Cluster[];
  drop(name: string): Promise<void>;
  /** Path of a program (psql, pg_dump, pgbench, …) of that major version. */
  program(version: number, name: string): string;
  /** Directory for files that servers must read (certificates). */
  readonly shared: string;
  /** Writes such a file into `shared` so that only the servers can read it (libpq insists for private keys); answers its path. */
  share(file: string, content: string): Promise<string>;
  close(): Promise<void>;
}

/** What the sandbox's parts tell an onlooker (page, terminal, tests). */
export interface SandboxInfo {
  readonly slack: string;
  readonly google: string;
  readonly kubernetes: string;
  readonly redis: string;
  readonly instances: readonly {
    readonly name: string;
    readonly version: number;
    readonly host: string;
    readonly port: number;
    readonly adminUrl: string;
  }[];
  readonly pids: Readonly<Record<string, number>>;
}
