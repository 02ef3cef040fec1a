import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Human } from './human/human.ts';
import { humanVerbs } from './human/verbs.ts';
import { isObject, structure, text } from './json.ts';
import { useResponseUrl } from './response-url.ts';
import type { Json } from './types.ts';
import { createWebApi } from './web-api/call.ts';
import { receiveUpload } from './web-api/files.ts';
import { BOT, TEAM, type Workspace } from './workspace.ts';

/** The page's files, all beside each other. */
const ASSET = /^[a-z]+\.(html|css|js)$/;
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
/** Shown in a browser as they are; any other text (CSV, Markdown) would be downloaded instead of shown. */
const SHOWN = ['text/html', 'application/json', 'image/png', 'image/svg+xml'];

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

function json(response: ServerResponse, body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): void {
  send(response, status, 'application/json', JSON.stringify(body), headers);
}

/** Server-sent events: `subscribe` is called with what writes one event, and gives what ends it. */
function stream(request: IncomingMessage, response: ServerResponse, subscribe: (write: (event: unknown) => void) => () => void): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': hello\n\n');
  const end = subscribe((event) => response.write(`data: ${JSON.stringify(event)}\n\n`));
  request.on('close', end);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** The bytes of an upload: the body itself, or the first part of a form, which is how web-api 8 sends them. */
async function uploadOf(request: IncomingMessage, raw: Buffer): Promise<Buffer> {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/form-data')) return raw;
  const form = await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData();
  const first = [...form.values()][0];
  if (first === undefined) return Buffer.alloc(0);
  return typeof first === 'string' ? Buffer.from(first) : Buffer.from(await first.arrayBuffer());
}

function argumentsOf(request: IncomingMessage, url: URL, raw: Buffer): Json {
  const query = Object.fromEntries(url.searchParams);
  if ((request.headers['content-type'] ?? '').includes('json')) {
    const body = structure(raw.toString() || '{}');
    return { ...query, ...(isObject(body) ? body : {}) };
  }
  return { ...query, ...Object.fromEntries(new URLSearchParams(raw.toString())) };
}

/** Another site's page in the same browser must not press buttons here, nor a name that resolves to loopback read anything. */
function isStranger(workspace: Workspace, request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  const own = new URL(workspace.base());
  const names = [own.host, `localhost:${own.port}`];
  return !names.includes(host ?? '') || (origin !== undefined && !names.some((name) => origin === `http://${name}`));
}

/** The HTTP side: Web API, uploads, response_url, the page and what it lives on. */
export function createHttpServer(workspace: Workspace, human: Human, sockets: () => number): Server {
  const call = createWebApi(workspace);
  const verbs = humanVerbs(workspace, human);

  function webApi(request: IncomingMessage, response: ServerResponse, url: URL, raw: Buffer): void {
    const args = argumentsOf(request, url, raw);
    const token = (request.headers.authorization ?? '').replace(/^Bearer ?/, '') || text(args, 'token');
    const reply = call(url.pathname.slice('/api/'.length), token, args);
    if (reply.fate === 'lost') request.socket.destroy();
    else if (reply.fate === undefined)
      json(response, reply.body, reply.status, {
        ...(reply.retryAfterSeconds ? { 'retry-after': String(reply.retryAfterSeconds) } : {}),
        ...(reply.scopes ? { 'x-oauth-scopes': reply.scopes } : {}),
      });
  }

  async function humanVerb(response: ServerResponse, name: string, raw: Buffer): Promise<void> {
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    const body = structure(raw.toString() || '{}');
    if (!verb || !isObject(body))
      return json(response, { ok: false, error: `no verb ${name}; there are ${Object.keys(verbs).join(', ')}` }, 404);
    try {
      json(response, { ok: true, result: await verb(body) });
    } catch (error) {
      json(response, { ok: false, error: error instanceof Error ? error.message : String(error) }, 400);
    }
  }

  function file(response: ServerResponse, id: string): void {
    const found = workspace.state.files.get(id);
    if (!found?.content) {
      json(response, { ok: false, error: 'file_not_found' }, 404);
      return;
    }
    // A report may be HTML: it is shown, but nothing in it runs.
    send(response, 200, SHOWN.includes(found.mimetype) ? found.mimetype : 'text/plain', found.content, {
      'content-security-policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    });
  }

  async function asset(response: ServerResponse, name: string): Promise<void> {
    const type = ASSET.test(name) ? TYPES[name.split('.')[1] ?? ''] : undefined;
    const content = type === undefined ? undefined : await readFile(new URL(`./page/${name}`, import.meta.url)).catch(() => undefined);
    if (type === undefined || content === undefined) return json(response, { ok: false, error: 'not_found' }, 404);
    send(response, 200, type, content);
  }

  function stateNow() {
    const { state } = workspace;
    return {
      messages: state.messages.filter((message) => !message.deleted),
      views: [...state.views.values()],
      homes: [...state.homes.values()],
      notifications: state.notifications,
      refusals: state.refusals,
      unknownMethods: state.unknownMethods,
      sockets: sockets(),
    };
  }

  function look(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const { options } = workspace;
    if (path === '/_workspace')
      json(response, {
        team: TEAM,
        bot: BOT,
        users: options.users,
        channels: options.channels,
        usergroups: options.usergroups,
        commands: workspace.commands,
        world: options.world !== undefined,
      });
    else if (path === '/_events')
      stream(request, response, (write) => {
        // The state comes first on the same wire: asked for beside it, it would overtake an event or be overtaken by one.
        write({ kind: 'state', ...stateNow() });
        return workspace.on(write);
      });
    else if (path === '/_world') stream(request, response, (write) => options.world?.subscribe(write) ?? (() => undefined));
    else return false;
    return true;
  }

  /** The switches of the page's panel. */
  function flip(response: ServerResponse, name: string, state: string): void {
    const known = state === 'on' || state === 'off';
    const flipped = known && (workspace.options.world?.flip?.(name, state) ?? false);
    const error = known ? `there is no flag ${name}` : `a flag is on or off, not "${state}"`;
    json(response, flipped ? { ok: true } : { ok: false, error }, flipped ? 200 : 400);
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', workspace.base());
    const path = url.pathname;
    if (path.startsWith('/_') && isStranger(workspace, request)) return json(response, { ok: false, error: 'not from this page' }, 403);
    const raw = await bodyOf(request);
    if (path.startsWith('/api/')) return webApi(request, response, url, raw);
    if (path.startsWith('/upload/v1/')) {
      const taken = receiveUpload(workspace, path.slice('/upload/v1/'.length), await uploadOf(request, raw));
      return send(response, taken ? 200 : 400, 'text/plain', taken ? `OK - ${raw.length}` : 'the bytes do not fit the announced length');
    }
    if (path.startsWith('/actions/')) {
      const reply = useResponseUrl(workspace, path.slice('/actions/'.length), argumentsOf(request, url, raw));
      return send(response, reply.status, 'text/plain', reply.body);
    }
    if (path.startsWith('/_human/') && request.method === 'POST') return humanVerb(response, path.slice('/_human/'.length), raw);
    if (path.startsWith('/_flags/') && request.method === 'POST') return flip(response, path.slice('/_flags/'.length), raw.toString());
    if (path.startsWith('/files/')) return file(response, path.split('/')[2] ?? '');
    if (look(request, response, path)) return undefined;
    return asset(response, path === '/' || path.startsWith('/archives/') ? 'index.html' : path.slice(1));
  }

  return createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else json(response, { ok: false, error: error instanceof Error ? error.message : String(error) }, 500);
    });
  });
}
