import { connect, createServer, type Socket } from 'node:net';

/** A fact as a worker sends it to Redis, before it is in the log. */
export interface SentFact {
  readonly type: 'step.started' | 'step.done' | 'step.undone' | 'fact.recorded' | 'promotion.called';
  /** '' for `promotion.called`, which names none. */
  readonly step: string;
  /** Of `fact.recorded`. */
  readonly key: string;
}
/** `until`: it and everything behind it arrives only then. `tell`: called when Redis has answered after it. */
export type Heard = 'pass' | { readonly until: Promise<void> } | { readonly tell: () => void };

export interface FactTap {
  readonly url: string;
  /** Resolves when Redis has answered something that the worker sends from now on. */
  answered(): Promise<void>;
  close(): Promise<void>;
}

const facts =
  /"type":"(?:(step\.started|step\.done|step\.undone)","step":"([a-z-]+)"|(fact\.recorded)","step":"([a-z-]+)","key":"([^"]*)"|(promotion\.called)")/g;
/** Longer than what any of these begins with, so that a fact that came in two pieces is seen. */
const tailLength = 200;

/** A proxy before Redis that hears the facts of one worker as they are sent, and can keep one from arriving. */
export async function factTap(url: string, hear: (fact: SentFact) => Heard): Promise<FactTap> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let held: Buffer[] | undefined;
    let tail = '';
    const tells: (() => void)[] = [];
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const hold = (until: Promise<void>) => {
      held = [];
      void until.then(() => {
        for (const chunk of held ?? []) upstream.write(chunk);
        held = undefined;
      });
    };
    upstream.on('data', (chunk) => {
      client.write(chunk);
      for (const tell of tells.splice(0)) tell();
    });
    client.on('data', (chunk) => {
      tells.push(...waiting.splice(0));
      const text = tail + chunk.toString('latin1');
      for (const match of held ? [] : text.matchAll(facts)) {
        if (match.index + match[0].length <= tail.length) continue;
        const heard = hear(sent(match));
        if (heard === 'pass') continue;
        if ('until' in heard) hold(heard.until);
        else tells.push(heard.tell);
      }
      tail = text.slice(-tailLength);
      if (held) held.push(chunk);
      else upstream.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    answered: () => new Promise((resolve) => void waiting.push(resolve)),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sent([, ofStep, step, recorded, ofRecord, key]: RegExpMatchArray): SentFact {
  if (ofStep === 'step.started' || ofStep === 'step.done' || ofStep === 'step.undone') return { type: ofStep, step: step ?? '', key: '' };
  if (recorded) return { type: 'fact.recorded', step: ofRecord ?? '', key: key ?? '' };
  return { type: 'promotion.called', step: '', key: '' };
}
