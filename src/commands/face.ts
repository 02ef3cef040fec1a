import type { Service, Target } from '../config/schema.ts';
import { gateRule, targetOf } from '../config/target.ts';
import type { RunHeader } from '../engine/facts.ts';
import type { RunFace } from '../slack/render/face.ts';

/** The service file as this run sees it: with the run's own versions, whatever the file says by now. */
export function targetOfRun(service: Service, header: RunHeader): Target {
  return targetOf(service, header.environment, header.to, header.from);
}

/** What messages say about a run beyond its log: instance names, who decides, the deadline. `undefined`: its service file is gone. */
export function runFace(services: ReadonlyMap<string, Service>, header: RunHeader): RunFace | undefined {
  const service = services.get(header.service);
  if (!service || !(header.environment in service.environments)) return undefined;
  const target = targetOfRun(service, header);
  return {
    source: target.source,
    destination: target.destination,
    deadlineMs: service.cutover.deadline,
    wayBackDays: service.wayBack.days,
    operators: service.people.operator,
    escalation: service.escalation.length > 0 ? service.escalation : service.people.admin,
    proofs: ['validate-live', 'validate', 'arm-way-back'],
    gate: (gate) => {
      const rule = gateRule(target, gate);
      return { ...rule, people: service.people[rule.role] };
    },
  };
}
