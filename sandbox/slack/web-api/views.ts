import { describe, viewProblems } from '../blocks/validate.ts';
import { isObject, structure, text } from '../json.ts';
import type { Json, View } from '../types.ts';
import { openView, publishHome, stackOf, updateView, wireView } from '../views.ts';
import { takeTrigger, type Workspace } from '../workspace.ts';
import { done, fail, type Method } from './method.ts';

/** A modal holds at most three views (docs: views.push). */
const MOST_STACKED = 3;

/** The view that was sent, or the refusal. */
function checkedView(args: Json): { readonly view: Json } | { readonly refusal: Json } {
  const view = structure(args['view']);
  const problems = viewProblems(view);
  if (problems[0]?.message === 'view_too_large') return { refusal: fail('view_too_large') };
  if (problems.length > 0 || !isObject(view)) return { refusal: fail('invalid_arguments', describe(problems)) };
  return { view };
}

function open(workspace: Workspace, args: Json, pushed: boolean): Json {
  const checked = checkedView(args);
  if ('refusal' in checked) return checked.refusal;
  if (checked.view['type'] !== 'modal') return fail('invalid_arguments', ['[ERROR] only a modal can be opened [json-pointer:/view/type]']);
  const external = text(checked.view, 'external_id');
  if (external && byExternalId(workspace, external)) return fail('duplicate_external_id');
  const trigger = takeTrigger(workspace, text(args, 'trigger_id') || text(args, 'interactivity_pointer'));
  if (typeof trigger === 'string') return fail(trigger);
  const previous = pushed && trigger.view ? workspace.state.views.get(trigger.view) : undefined;
  if (pushed && !previous) return fail('not_found');
  if (previous && stackOf(workspace, previous).length >= MOST_STACKED) return fail('push_limit_reached');
  const view = openView(workspace, { definition: checked.view, openedBy: trigger.user, ...(previous ? { previous } : {}) });
  return done({ view: wireView(view) });
}

function byExternalId(workspace: Workspace, id: string): View | undefined {
  return [...workspace.state.views.values()].find((view) => text(view.definition, 'external_id') === id);
}

function update(workspace: Workspace, args: Json): Json {
  const checked = checkedView(args);
  if ('refusal' in checked) return checked.refusal;
  const view = workspace.state.views.get(text(args, 'view_id')) ?? byExternalId(workspace, text(args, 'external_id') || '\0');
  if (!view) return fail('not_found');
  const hash = text(args, 'hash');
  if (hash && hash !== view.hash) return fail('hash_conflict');
  return done({ view: wireView(updateView(workspace, view, checked.view)) });
}

function publish(workspace: Workspace, args: Json): Json {
  const checked = checkedView(args);
  if ('refusal' in checked) return checked.refusal;
  if (checked.view['type'] !== 'home')
    return fail('invalid_arguments', ['[ERROR] only a home tab can be published [json-pointer:/view/type]']);
  const user = text(args, 'user_id');
  if (!workspace.options.users.some((one) => one.id === user)) return fail('user_not_found');
  const hash = text(args, 'hash');
  if (hash && hash !== workspace.state.homes.get(user)?.hash) return fail('hash_conflict');
  return done({ view: wireView(publishHome(workspace, user, checked.view)) });
}

export const viewMethods: Readonly<Record<string, Method>> = {
  'views.open': { run: (workspace, args) => open(workspace, args, false) },
  'views.push': { run: (workspace, args) => open(workspace, args, true) },
  'views.update': { run: update },
  'views.publish': { run: publish },
};
