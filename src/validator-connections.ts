import { Client, type ClientConfig } from 'pg';
import { classified } from './postgres/errors.ts';
import { endClient, verifyCa } from './postgres/session.ts';
import type { Address, Side } from './postgres/types.ts';
import type { FeedConnection } from './validator/proof/feed.ts';
import type { ConnectionFactory } from './validator/types.ts';

/** The validator's own sessions, as user postgres; those that were kept are handed out first. */
export function validatorConnections(
  side: Side,
  addresses: (side: Side) => Promise<Address>,
  password: () => Promise<string>,
): ConnectionFactory & { close(): Promise<void> } {
  const kept = new Set<{ readonly client: Client; readonly database: string; readonly applicationName: string }>();

  async function connect(database: string, applicationName: string): Promise<Client> {
    const [address, secret] = await Promise.all([addresses(side), password()]);
    const client = new Client({
      host: address.host,
      port: address.port,
      user: 'postgres',
      password: secret,
      database,
      application_name: applicationName,
      ssl: verifyCa(address),
    });
    // A session that the server ends fails its next query; alone it must not end the process.
    client.on('error', () => {});
    await client.connect().catch((error: unknown) => {
      throw classified(error, { side, database });
    });
    return client;
  }

  return {
    async open(database, applicationName) {
      for (const one of kept) {
        if (one.database !== database || one.applicationName !== applicationName) continue;
        kept.delete(one);
        return one.client;
      }
      return connect(database, applicationName);
    },
    keep(client, database, applicationName) {
      const one = { client, database, applicationName };
      kept.add(one);
      // One that died while it waited is not handed out.
      client.once('end', () => kept.delete(one));
    },
    async close() {
      await Promise.all([...kept].map(({ client }) => endClient(client)));
      kept.clear();
    },
  };
}

/** Under these a value is printed as the comparison's own sessions print it. */
const feedOptions =
  '-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=1 -c bytea_output=hex -c lc_monetary=C -c search_path=pg_catalog';

/** Sessions in replication mode, for the change feeds: as a user with REPLICATION. */
export function replicationConnections(
  side: Side,
  addresses: (side: Side) => Promise<Address>,
  as: { readonly user: string; readonly password: () => Promise<string> },
): FeedConnection {
  return {
    async open(database, applicationName) {
      const [address, password] = await Promise.all([addresses(side), as.password()]);
      // `replication` is a parameter of the protocol that the driver passes on and its types leave out.
      const config: ClientConfig & { readonly replication: 'database' } = {
        host: address.host,
        port: address.port,
        user: as.user,
        password,
        database,
        application_name: applicationName,
        ssl: verifyCa(address),
        options: feedOptions,
        replication: 'database',
      };
      const client = new Client(config);
      client.on('error', () => {});
      await client.connect().catch((error: unknown) => {
        throw classified(error, { side, database, user: as.user });
      });
      return client;
    },
  };
}
