import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port of 127.0.0.1 that the system has just given out and taken back. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    // Above Linux's range for outgoing connections, so that no client of ours takes it before a restarted server is back.
    const port = randomInt(61_000, 65_500);
    if (await canBind('127.0.0.1', port)) return port;
  }
  throw new Error('No port between 61000 and 65500 is free on 127.0.0.1; end other servers and start again.');
}

/** Gives out loopback addresses, one a server, on which the port is free. */
export function addresses(port: number): () => Promise<string> {
  const second = randomInt(1, 250);
  let last = 1;
  return async () => {
    while (last < 250) {
      last += 1;
      const host = `127.0.${second}.${last}`;
      if (await canBind(host, port)) return host;
    }
    throw new Error(`No address 127.0.${second}.x is free on port ${port}; end other servers and start again.`);
  };
}
