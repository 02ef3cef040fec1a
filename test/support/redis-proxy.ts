import { connect, createServer, type Socket } from 'node:net';

/**
 * A proxy before Redis that watches what one process sends: at the first chunk with `trigger` it calls `then` and
 * forwards nothing any more. So a worker dies after its work and before the fact of it, from outside.
 */
export async function redisProxy(
  url: string,
  trigger: string,
  then: () => void,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let pulled = false;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    client.on('data', (chunk) => {
      if (!pulled && chunk.includes(trigger)) {
        pulled = true;
        then();
      }
      if (!pulled) upstream.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
