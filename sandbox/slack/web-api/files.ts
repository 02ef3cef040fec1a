import { isObject, items, structure, text } from '../json.ts';
import { find, post } from '../messages.ts';
import type { Json, SlackFile } from '../types.ts';
import { BOT, type StoredFile, type Workspace } from '../workspace.ts';
import { done, fail, type Method, writable } from './method.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  json: 'application/json',
  md: 'text/markdown',
  csv: 'text/csv',
  png: 'image/png',
  svg: 'image/svg+xml',
  tf: 'text/plain',
  sql: 'text/plain',
};

/** Step one of an upload: a place to send the bytes to. */
function getUploadUrl(workspace: Workspace, args: Json): Json {
  const name = text(args, 'filename');
  const size = Number(args['length']);
  if (!name || !Number.isInteger(size) || size <= 0)
    return fail('invalid_arguments', ['[ERROR] filename and a length above 0 are required']);
  const id = workspace.id('F');
  const url = `${workspace.base()}/files/${id}/${encodeURIComponent(name)}`;
  const mimetype = TYPES[name.split('.').pop()?.toLowerCase() ?? ''] ?? 'text/plain';
  workspace.state.files.set(id, { id, name, title: name, size, mimetype, url_private: url, permalink: url, shared: false });
  return done({ upload_url: `${workspace.base()}/upload/v1/${id}`, file_id: id });
}

/** Step two, outside the Web API: the bytes. Gives false where they do not fit what was announced. */
export function receiveUpload(workspace: Workspace, id: string, content: Buffer): boolean {
  const file = workspace.state.files.get(id);
  if (!file || file.content || content.length !== file.size) return false;
  workspace.state.files.set(id, { ...file, content });
  return true;
}

function wireFile(file: StoredFile): SlackFile {
  const { content: _content, shared: _shared, ...wire } = file;
  return wire;
}

/** Step three: the files appear in the channel or in a thread. */
function completeUpload(workspace: Workspace, args: Json): Json {
  const wanted = items(structure(args['files'])).filter(isObject);
  if (wanted.length === 0) return fail('invalid_arguments', ['[ERROR] files must be a JSON array of {id, title}']);
  const files: StoredFile[] = [];
  for (const one of wanted) {
    const file = workspace.state.files.get(text(one, 'id'));
    if (!file?.content || file.shared) return fail('file_not_found');
    files.push({ ...file, title: text(one, 'title') || file.name, shared: true });
  }
  const given = text(args, 'channel_id') || text(args, 'channels');
  if (given) {
    const channel = writable(workspace, given, 'is_archived');
    if (typeof channel === 'string') return fail(channel);
    const threadTs = text(args, 'thread_ts');
    if (threadTs && !find(workspace, channel.id, threadTs)) return fail('thread_not_found');
    // A markdown block here answers internal_error (slackapi/python-slack-sdk#1756); initial_comment is what works.
    if (args['blocks'] !== undefined) return fail('internal_error');
    const comment = text(args, 'initial_comment');
    post(workspace, {
      channel: channel.id,
      user: BOT.user,
      text: comment,
      files: files.map(wireFile),
      ...(threadTs ? { threadTs } : {}),
    });
  }
  for (const file of files) workspace.state.files.set(file.id, file);
  return done({ files: files.map(wireFile) });
}

export const fileMethods: Readonly<Record<string, Method>> = {
  'files.getUploadURLExternal': { scope: 'files:write', run: getUploadUrl },
  'files.completeUploadExternal': { scope: 'files:write', run: completeUpload },
};
