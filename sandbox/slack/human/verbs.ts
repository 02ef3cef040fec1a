import { isObject, items, text } from '../json.ts';
import type { Json, Message } from '../types.ts';
import { personOf, type Workspace } from '../workspace.ts';
import { type Input, usable } from './elements.ts';
import type { Human, Press, Values, Where } from './human.ts';

/** A person's verb over HTTP: `POST /_human/<verb>` with these fields as JSON. */
export type Verb = (fields: Json) => unknown;

function whereOf(fields: Json): Where {
  const channel = text(fields, 'channel');
  const thread = text(fields, 'thread');
  return { ...(channel ? { channel } : {}), ...(thread ? { thread } : {}) };
}

function pressOf(fields: Json): Press {
  const { value, confirm } = fields;
  return { ...(typeof value === 'string' ? { value } : {}), ...(typeof confirm === 'boolean' ? { confirm } : {}) };
}

function valuesOf(fields: Json): Values {
  const values = fields['values'];
  const input = (value: unknown): Input => (typeof value === 'string' ? value : Array.isArray(value) ? items(value).map(String) : null);
  return isObject(values) ? Object.fromEntries(Object.entries(values).map(([id, value]) => [id, input(value)])) : {};
}

/** The newest message that shows the person this action; `ts` may be left out or end with it. */
function newestWith(workspace: Workspace, user: string, actionId: string, ts: string): Message {
  const found = workspace.state.messages.findLast(
    (message) =>
      !message.deleted &&
      message.ts.endsWith(ts) &&
      (!message.ephemeral || message.ephemeral === user) &&
      message.blocks.flatMap(usable).some((element) => text(element, 'action_id') === actionId),
  );
  if (found) return found;
  throw new Error(`no message offers "${actionId}"`);
}

/** Every verb; `views` and messages are found by id, or the newest that fits where no id is given. */
export function humanVerbs(workspace: Workspace, human: Human): Readonly<Record<string, Verb>> {
  const viewOf = (fields: Json): string => {
    const given = text(fields, 'view');
    if (given) return given;
    const user = personOf(workspace, text(fields, 'user')).id;
    const view = [...workspace.state.views.values()].findLast((one) => one.openedBy === user);
    if (view) return view.id;
    throw new Error(`${text(fields, 'user')} has no modal open`);
  };
  return {
    command: (fields) => human.command(text(fields, 'user'), text(fields, 'line'), whereOf(fields)),
    say: (fields) => human.say(text(fields, 'user'), text(fields, 'text'), whereOf(fields)),
    click(fields) {
      const user = personOf(workspace, text(fields, 'user')).id;
      const message = newestWith(workspace, user, text(fields, 'action'), text(fields, 'ts'));
      return human.click(user, message.ts, text(fields, 'action'), pressOf(fields));
    },
    submit: (fields) => human.submit(text(fields, 'user'), viewOf(fields), valuesOf(fields)),
    close: (fields) => human.close(text(fields, 'user'), viewOf(fields)),
    clickInView: (fields) => human.clickInView(text(fields, 'user'), viewOf(fields), text(fields, 'action'), pressOf(fields)),
    shortcut: (fields) => human.shortcut(text(fields, 'user'), text(fields, 'ts'), text(fields, 'callback')),
    home: (fields) => human.openHome(text(fields, 'user')),
  };
}
