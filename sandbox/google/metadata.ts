import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a pod with Workload Identity asks its node; the tokens that it issues are the only ones that the APIs take. */
export interface Metadata {
  /** True: the request was for the metadata server and is answered. */
  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean;
  accepts(authorization: string | undefined): boolean;
}

export const serviceAccount = (project: string) => `pgupgrade@${project}.iam.gserviceaccount.com`;

export function createMetadata(project: string): Metadata {
  const tokens = new Set<string>();
  return {
    accepts: (authorization) => authorization?.startsWith('Bearer ') === true && tokens.has(authorization.slice('Bearer '.length)),
    answer(request, response, path) {
      if (path !== '/' && !path.startsWith('/computeMetadata/')) return false;
      const headers = { 'metadata-flavor': 'Google' };
      const text = (body: string) => {
        response.writeHead(200, { ...headers, 'content-type': 'application/text' });
        response.end(body);
      };
      if (path !== '/' && request.headers['metadata-flavor'] !== 'Google') {
        response.writeHead(403, headers).end();
        return true;
      }
      const leaf = path.replace(/^\/(computeMetadata\/v1\/?)?/, '').replace(/\/$/, '');
      switch (leaf) {
        case '':
        case 'instance':
          text('attributes/\n');
          return true;
        case 'project/project-id':
          text(project);
          return true;
        case 'universe/universe-domain':
          text('googleapis.com');
          return true;
        case 'instance/service-accounts/default/email':
          text(serviceAccount(project));
          return true;
        case 'instance/service-accounts/default/token': {
          const token = `ya29.sandbox-${randomBytes(24).toString('base64url')}`;
          tokens.add(token);
          response.writeHead(200, { ...headers, 'content-type': 'application/json' });
          response.end(JSON.stringify({ access_token: token, expires_in: 3599, token_type: 'Bearer' }));
          return true;
        }
        default:
          response.writeHead(404, headers).end();
          return true;
      }
    },
  };
}
