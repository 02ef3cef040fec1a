import { who } from '../slack/render/text.ts';
import type { Verb } from './context.ts';
import { doubt, rolesIn } from './roles.ts';

export const whoami: Verb = {
  name: 'whoami',
  usage: 'whoami',
  does: 'your roles, by service',
  words: 0,
  need: 'anybody',
  group: 'Look',
  run: async (context) => {
    const lines = await Promise.all(
      [...context.services.values()].map(
        async (service) => `• ${service.service}: ${[...(await rolesIn(context, service))].join(', ') || 'no role'}`,
      ),
    );
    return { text: [`You are ${who(context.actor.id)} (\`${context.actor.id}\`).`, ...lines].join('\n') + doubt(context) };
  },
};
