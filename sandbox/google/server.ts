import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Refusal } from './fault.ts';
import { type LogEntry, withoutSecrets } from './log.ts';
import type { Metadata } from './metadata.ts';
import { commonQuery, type Method, type Schemas } from './schema.ts';
import type { Google, Handlers } from './state.ts';

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly violations?: readonly string[];
}

/** Routes, checks and logs: only official paths, fields and enum values come in, and only such go out. */
export function createHttp(options: {
  readonly google: Google;
  readonly handlers: Handlers;
  readonly schemas: Schemas;
  readonly metadata: Metadata;
  readonly log: LogEntry[];
}): Server {
  const { google, handlers, schemas, metadata, log } = options;

  async function answer(request: IncomingMessage, url: URL, body: string, method: Method | undefined): Promise<Answer> {
    if (!metadata.accepts(request.headers.authorization))
      throw new Refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials. Expected OAuth 2 access token.', {
        reason: 'authError',
      });
    if (!method) throw new Refusal(404, 'NOT_FOUND', `There is no official method for ${request.method ?? ''} ${url.pathname}.`);
    if (google.faults.strike('unavailable', method.id)) throw new Refusal(503, 'UNAVAILABLE', 'The service is currently unavailable.');
    if (google.faults.strike('refuse', method.id))
      throw new Refusal(403, 'PERMISSION_DENIED', `The caller does not have permission for ${method.id}.`, { reason: 'forbidden' });
    const params = method.match(url.pathname) ?? {};
    const project = params['project'];
    if (project !== undefined && !google.projects.includes(project))
      throw new Refusal(403, 'PERMISSION_DENIED', `The client is not authorized to make this request: project ${project}.`, {
        reason: 'notAuthorized',
      });
    const query: Record<string, string> = {};
    for (const [name, value] of url.searchParams) {
      if (commonQuery.test(name)) continue;
      if (!method.query.includes(name))
        throw new Refusal(400, 'INVALID_ARGUMENT', `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter.`);
      query[name] = value;
    }
    const parsed = parse(body);
    const wrong = method.request === undefined ? (body ? ['/ takes no body'] : []) : schemas.violations(method.api, method.request, parsed);
    if (wrong.length > 0) throw new Refusal(400, 'INVALID_ARGUMENT', `Invalid JSON payload received: ${wrong.join('; ')}`);
    const handle = handlers[method.id];
    if (!handle) throw new Refusal(501, 'UNIMPLEMENTED', `The sandbox does not simulate ${method.id}.`);
    const out = JSON.parse(JSON.stringify(await handle({ params, query, body: parsed })));
    const violations = schemas.violations(method.api, method.response, out);
    if (violations.length > 0)
      return { ...refused(new Refusal(500, 'INTERNAL', `The sandbox violates ${method.response}: ${violations.join('; ')}`)), violations };
    return { status: 200, body: out };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', google.base());
    if (metadata.answer(request, response, url.pathname)) return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const method = schemas.methods.find((one) => one.verb === request.method && one.match(url.pathname));
    const result = await answer(request, url, body, method).catch(refused);
    const entry: LogEntry = {
      at: new Date().toISOString(),
      id: method?.id ?? '',
      verb: request.method ?? '',
      path: url.pathname + url.search,
      request: body ? withoutSecrets(parse(body)) : undefined,
      status: result.status,
      response: withoutSecrets(result.body),
      violations: 'violations' in result ? (result.violations ?? []) : [],
    };
    log.push(entry);
    if (method && result.status === 200 && google.faults.strike('lose-answer', method.id)) request.socket.destroy();
    else {
      response.writeHead(result.status, { 'content-type': 'application/json; charset=UTF-8' });
      response.end(JSON.stringify(result.body));
    }
    google.emit({ type: 'request', method: entry.id || url.pathname, status: result.status });
  }

  return createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      log.push({
        at: new Date().toISOString(),
        id: '',
        verb: request.method ?? '',
        path: request.url ?? '',
        request: undefined,
        status: 500,
        response: undefined,
        violations: [String(error)],
      });
      response.destroy();
    });
  });
}

/** Any error of a handler in Google's form; what is no refusal is the sandbox's own failure. */
function refused(error: unknown): Answer {
  const { code, status, reason, message, details } =
    error instanceof Refusal ? error : new Refusal(500, 'INTERNAL', error instanceof Error ? error.message : String(error));
  return {
    status: code,
    body: { error: { code, message, status, errors: [{ message, domain: 'global', reason }], ...(details.length > 0 ? { details } : {}) } },
  };
}

function parse(body: string): unknown {
  if (!body) return {};
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 'INVALID_ARGUMENT', 'Invalid JSON payload received.');
  }
}
