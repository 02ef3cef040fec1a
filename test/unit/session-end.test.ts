import { createServer, type Socket } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endClient } from '../../src/postgres/session.ts';

/** Lets everybody in, and answers nothing more: a server whose processes stand still. */
const sockets: Socket[] = [];
const server = createServer({ allowHalfOpen: true }, (socket) => {
  sockets.push(socket);
  socket.once('data', () => {
    const authenticated = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
    const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
    socket.write(Buffer.concat([authenticated, ready]));
  });
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('a session with a server that does not answer any more can be ended', async () => {
  const address = server.address();
  const client = new Client({ host: '127.0.0.1', port: typeof address === 'object' ? address?.port : 0, user: 'u', database: 'd' });
  client.on('error', () => undefined);
  await client.connect();
  await endClient(client);
  expect(Reflect.get(client, '_ended')).toBe(true);
}, 5_000);
