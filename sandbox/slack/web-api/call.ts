import { items, object, text } from '../json.ts';
import { createRateLimiter } from '../rate-limits.ts';
import type { FaultAnswer, Json } from '../types.ts';
import type { Workspace } from '../workspace.ts';
import { chatMethods } from './chat.ts';
import { directoryMethods } from './directory.ts';
import { fileMethods } from './files.ts';
import { fail, type Method } from './method.ts';
import { viewMethods } from './views.ts';

const METHODS: Readonly<Record<string, Method>> = { ...directoryMethods, ...chatMethods, ...viewMethods, ...fileMethods };

export interface Reply {
  readonly status: number;
  readonly body: Json;
  readonly retryAfterSeconds?: number;
  /** The answer gets lost on its way (the work was done), or none is given (it was not). */
  readonly fate?: 'lost' | 'silent';
  /** What the bot token was granted: Slack says it with every answer. */
  readonly scopes?: string;
}

/** Gives the function that answers a Web API call: token, name, scope, rate, fault, then the method itself. */
export function createWebApi(workspace: Workspace): (method: string, token: string, args: Json) => Reply {
  const { options } = workspace;
  const limiter = createRateLimiter(options.rateLimits, workspace.now);
  const botToken = options.botToken ?? 'xoxb-sandbox';
  const appToken = options.appToken ?? 'xapp-sandbox';

  function refused(name: string, token: string): Json | undefined {
    if (!token) return fail('not_authed');
    const wanted = name === 'apps.connections.open' ? appToken : botToken;
    if (token !== wanted) return fail(token === appToken || token === botToken ? 'not_allowed_token_type' : 'invalid_auth');
    const method = METHODS[name];
    if (!method) {
      workspace.state.unknownMethods.push(name);
      return { ...fail('unknown_method'), req_method: name };
    }
    if (method.scope && !workspace.scopes.includes(method.scope))
      return { ...fail('missing_scope'), needed: method.scope, provided: workspace.scopes.join(',') };
    return undefined;
  }

  function faulty(fault: Exclude<FaultAnswer, string>): Reply {
    if ('error' in fault) return { status: 200, body: fail(fault.error) };
    const { retryAfterSeconds } = fault;
    return {
      status: fault.status,
      body: fail(fault.status === 429 ? 'ratelimited' : 'internal_error'),
      ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
    };
  }

  function answer(name: string, token: string, args: Json): Reply {
    const refusal = refused(name, token);
    if (refusal) return { status: 200, body: refusal };
    const wait = limiter(name, text(args, 'channel'));
    if (wait > 0) return { status: 429, body: fail('ratelimited'), retryAfterSeconds: wait };
    const fault = options.faults?.method?.(name, args);
    if (fault === 'silent') return { status: 200, body: {}, fate: fault };
    if (fault && fault !== 'lost') return faulty(fault);
    const body = METHODS[name]?.run(workspace, args) ?? fail('unknown_method');
    const scopes = token === botToken ? { scopes: workspace.scopes.join(',') } : {};
    return { status: 200, body, ...scopes, ...(fault === 'lost' ? { fate: fault } : {}) };
  }

  return (name, token, args) => {
    const reply = answer(name, token, args);
    const error = text(reply.body, 'error');
    if (error) workspace.refuse(name, error, items(object(reply.body, 'response_metadata')['messages']).map(String));
    workspace.emit({ kind: 'api', method: name, ok: reply.body['ok'] === true, ...(error ? { error } : {}) });
    return reply;
  };
}
