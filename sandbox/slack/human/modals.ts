import { describe, viewProblems } from '../blocks/validate.ts';
import { isObject, object, text } from '../json.ts';
import { tellFailure } from '../messages.ts';
import type { Answer, Json, Person, View } from '../types.ts';
import { closeView, inputIds, openView, stackOf, updateView, wireView } from '../views.ts';
import { BOT, issueTrigger, personOf, TEAM, type Workspace, wirePerson } from '../workspace.ts';
import { findElement, type Input, initialInput, inputProblem, stateOf } from './elements.ts';
import type { Deliver, Press } from './human.ts';

/** Input by block id. */
export type Values = Readonly<Record<string, Input>>;

export interface ModalHands {
  /** Fills the inputs (the rest keeps its initial value) and presses the submit button. What the client itself refuses comes back as `incomplete` with errors by block id. */
  submit(user: string, viewId: string, values?: Values): Promise<Answer>;
  /** Uses a button or select inside a modal or a home tab. */
  clickInView(user: string, viewId: string, actionId: string, press?: Press): Promise<Answer>;
  /** Closes the modal with its Cancel. */
  close(user: string, viewId: string): Promise<Answer>;
}

export function createModals(workspace: Workspace, deliver: Deliver): ModalHands {
  function opened(person: Person, id: string): View {
    const view = workspace.state.views.get(id) ?? [...workspace.state.homes.values()].find((home) => home.id === id);
    if (view?.openedBy === person.id) return view;
    throw new Error(`${person.name} has no view ${id} open`);
  }

  function payload(type: string, person: Person, view: View, more: Json): Json {
    return {
      type,
      team: { id: TEAM.id, domain: TEAM.domain },
      user: wirePerson(person),
      api_app_id: BOT.app,
      token: 'deprecated',
      view: wireView(view),
      enterprise: null,
      is_enterprise_install: false,
      ...more,
    };
  }

  function fill(view: View, values: Values): { readonly view: View; readonly errors: Readonly<Record<string, string>> } {
    const unknown = Object.keys(values).filter((id) => !inputIds(view).includes(id));
    if (unknown.length > 0)
      throw new Error(`the view has no input ${unknown.join(', ')}; there are ${inputIds(view).join(', ') || 'none'}`);
    const errors: Record<string, string> = {};
    const state: Record<string, Record<string, Json>> = {};
    for (const block of view.blocks.filter((one) => one.type === 'input')) {
      const element = object(block, 'element');
      const input = Object.hasOwn(values, block.block_id) ? (values[block.block_id] ?? null) : initialInput(element);
      const problem = inputProblem(block, input);
      if (problem) errors[block.block_id] = problem;
      state[block.block_id] = { [text(element, 'action_id')]: stateOf(element, input) };
    }
    return { view: { ...view, values: { ...view.values, ...state } }, errors };
  }

  /** What an answer to a submission does to the stack; gives the error that the person sees where it is not valid. */
  function react(view: View, answer: Json): string | undefined {
    switch (answer['response_action']) {
      case 'errors': {
        const errors = Object.fromEntries(Object.entries(object(answer, 'errors')).map(([id, said]) => [id, String(said)]));
        const wrong = Object.keys(errors).filter((id) => !inputIds(view).includes(id));
        if (wrong.length > 0 || Object.keys(errors).length === 0)
          return `errors for ${wrong.join(', ') || 'no'} block, inputs are ${inputIds(view).join(', ')}`;
        workspace.emit({ kind: 'view_errors', view, errors });
        return undefined;
      }
      case 'update':
      case 'push': {
        const next = object(answer, 'view');
        const problems = viewProblems(next);
        if (problems.length > 0) return describe(problems).join('; ');
        if (answer['response_action'] === 'update') updateView(workspace, view, next);
        else openView(workspace, { definition: next, openedBy: view.openedBy, previous: view });
        return undefined;
      }
      case 'clear':
        for (const one of stackOf(workspace, view)) closeView(workspace, one);
        return undefined;
      case undefined:
        closeView(workspace, view);
        return undefined;
      default:
        return `unknown response_action ${String(answer['response_action'])}`;
    }
  }

  function trouble(person: Person, view: View, error: string, detail: string): Answer {
    const channel = workspace.options.channels[0]?.id ?? '';
    tellFailure(workspace, channel, person.id, `We had some trouble connecting to ${BOT.name} (${error}). Try again?`);
    workspace.refuse('view_submission', error, [detail]);
    return { ok: false, error, errors: { '': `${view.id}: ${detail}` } };
  }

  async function submit(user: string, viewId: string, values: Values = {}): Promise<Answer> {
    const person = personOf(workspace, user);
    const view = opened(person, viewId);
    if (!isObject(view.definition['submit'])) throw new Error(`the view ${viewId} has no submit button`);
    const filled = fill(view, values);
    if (Object.keys(filled.errors).length > 0) return { ok: false, error: 'incomplete', errors: filled.errors };
    workspace.state.views.set(view.id, filled.view);
    const trigger = issueTrigger(workspace, person.id, view.id);
    const answer = await deliver(
      'interactive',
      payload('view_submission', person, filled.view, { trigger_id: trigger, response_urls: [] }),
    );
    if (!answer.ok) return trouble(person, view, answer.error, 'no answer to the submission');
    const problem = react(workspace.state.views.get(view.id) ?? filled.view, answer.payload);
    return problem ? trouble(person, view, 'invalid_response_action', problem) : answer;
  }

  async function clickInView(user: string, viewId: string, actionId: string, press: Press = {}): Promise<Answer> {
    const person = personOf(workspace, user);
    const view = opened(person, viewId);
    const { block, element } = findElement(view.blocks, actionId, press.value);
    const button = element['type'] === 'button';
    const state = stateOf(element, press.value ?? null);
    const action = { action_id: actionId, block_id: block.block_id, action_ts: workspace.stamp() };
    const answer = await deliver(
      'interactive',
      payload('block_actions', person, view, {
        container: { type: 'view', view_id: view.id },
        trigger_id: issueTrigger(workspace, person.id, view.id),
        actions: [{ ...action, ...(button ? { type: 'button', text: element['text'], value: element['value'] } : state) }],
      }),
    );
    return answer.ok ? answer : trouble(person, view, answer.error, `no answer to ${actionId}`);
  }

  async function close(user: string, viewId: string): Promise<Answer> {
    const person = personOf(workspace, user);
    const view = opened(person, viewId);
    closeView(workspace, view);
    if (view.definition['notify_on_close'] !== true) return { ok: true, payload: {} };
    return deliver('interactive', payload('view_closed', person, view, { is_cleared: false }));
  }

  return { submit, clickInView, close };
}
