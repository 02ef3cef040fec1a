import { handOver } from '../engine/moves.ts';
import { Refused } from '../errors.ts';
import { people, who } from '../slack/render/text.ts';
import type { Verb } from './context.ts';
import { demand, mayDo } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const handoff: Verb = {
  name: 'handoff',
  usage: 'handoff [run] @person',
  words: 2,
  does: 'makes somebody else the operator of a run; who started it may still not approve it',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'hand a run over');
    const to = (chosen.rest[0] ?? '').replace(/^@/, '');
    if (!/^(?:[UW][A-Z0-9]{2,}|terminal:\S+)$/.test(to))
      throw new Refused(
        'handoff.nobody',
        `Say to whom: \`/pgupgrade handoff ${chosen.run} @person\`, chosen from Slack’s list. Nothing was changed.`,
      );
    const roles = await context.directory.roles(to, chosen.service.people);
    if (!mayDo(roles, 'operator'))
      throw new Refused(
        'handoff.not-an-operator',
        `${who(to)} is no operator of ${chosen.service.service}, so the run stays with you. Ask ${people(chosen.service.people.operator)}, or have an admin add them there.`,
      );
    return change(context, chosen.run, (state) => handOver(state, context.actor.id, to));
  },
};
