import { withIds } from './blocks/validate.ts';
import { isObject, text } from './json.ts';
import type { Json, View } from './types.ts';
import { BOT, TEAM, type Workspace } from './workspace.ts';

export interface NewView {
  readonly definition: Json;
  readonly openedBy: string;
  readonly previous?: View;
}

/** Opens a checked view for a person, on top of `previous` where it is pushed. */
export function openView(workspace: Workspace, request: NewView): View {
  const id = workspace.id('V');
  const view: View = {
    ...content(workspace, request.definition),
    id,
    openedBy: request.openedBy,
    rootId: request.previous?.rootId ?? id,
    ...(request.previous ? { previousId: request.previous.id } : {}),
    values: {},
  };
  workspace.state.views.set(id, view);
  workspace.emit({ kind: 'view_opened', view });
  return view;
}

/** New content for an open view; what the person typed into inputs that are still there stays. */
export function updateView(workspace: Workspace, view: View, definition: Json): View {
  const updated: View = { ...view, ...content(workspace, definition) };
  workspace.state.views.set(view.id, updated);
  workspace.emit({ kind: 'view_updated', view: updated });
  return updated;
}

export function closeView(workspace: Workspace, view: View): void {
  workspace.state.views.delete(view.id);
  workspace.emit({ kind: 'view_closed', view });
}

/** Every view of the same stack. */
export function stackOf(workspace: Workspace, view: View): readonly View[] {
  return [...workspace.state.views.values()].filter((one) => one.rootId === view.rootId);
}

/** A person's home tab. */
export function publishHome(workspace: Workspace, user: string, definition: Json): View {
  const id = workspace.state.homes.get(user)?.id ?? workspace.id('V');
  const view: View = { ...content(workspace, definition), id, rootId: id, openedBy: user, values: {} };
  workspace.state.homes.set(user, view);
  workspace.emit({ kind: 'home', view });
  return view;
}

function content(workspace: Workspace, definition: Json): Pick<View, 'blocks' | 'definition' | 'hash' | 'type'> {
  const { blocks, ...rest } = definition;
  return {
    definition: rest,
    blocks: withIds(blocks, () => workspace.id('').slice(0, 5).toLowerCase()),
    hash: `${workspace.stamp()}.${workspace.id('').slice(0, 4)}`,
    type: definition['type'] === 'home' ? 'home' : 'modal',
  };
}

/** The view as Slack's API and its payloads give it. */
export function wireView(view: View): Json {
  return {
    id: view.id,
    team_id: TEAM.id,
    type: view.type,
    blocks: view.blocks,
    private_metadata: text(view.definition, 'private_metadata'),
    callback_id: text(view.definition, 'callback_id'),
    external_id: text(view.definition, 'external_id'),
    title: view.definition['title'] ?? null,
    submit: view.definition['submit'] ?? null,
    close: view.definition['close'] ?? null,
    clear_on_close: view.definition['clear_on_close'] === true,
    notify_on_close: view.definition['notify_on_close'] === true,
    state: { values: view.values },
    hash: view.hash,
    root_view_id: view.rootId,
    previous_view_id: view.previousId ?? null,
    app_id: BOT.app,
    app_installed_team_id: TEAM.id,
    bot_id: BOT.id,
  };
}

/** Block ids of a view's input blocks: the only ones that a submission may be answered with errors for. */
export function inputIds(view: View): readonly string[] {
  return view.blocks.filter((block) => block.type === 'input' && isObject(block['element'])).map((block) => block.block_id);
}
