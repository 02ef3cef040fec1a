import { Refused } from '../errors.ts';
import type { GateRule, Service, Target } from './schema.ts';

/**
 * Who decides a gate. Where the service file is silent: a tech lead for `create-destination`, else one approver, and the
 * person who carries the run only where the environment says so.
 */
export function gateRule(target: Pick<Target, 'gates' | 'requesterMayApprove'>, gate: string): GateRule {
  const { requesterMayApprove } = target;
  const role = gate === 'create-destination' ? 'tech-lead' : 'approver';
  return target.gates[gate.replace(/^undo:/, '')] ?? { role, count: 1, requesterMayApprove };
}

/** Fills in one environment. Refuses an unknown environment and a version that is not above the current one. */
/** `from`: of a run that is under way, whatever the file says by now. */
export function targetOf(service: Service, environment: string, to: number = service.targetVersion, from?: number): Target {
  const settings = service.environments[environment];
  if (!settings)
    throw new Refused(
      'environment.unknown',
      `Service ${service.service} has no environment "${environment}"; it has ${Object.keys(service.environments).join(', ')}.`,
    );
  const current = from ?? settings.currentVersion ?? service.currentVersion;
  if (to <= current)
    throw new Refused('version.not-above', `${service.service} ${environment} is at version ${current}; ${to} is not above it.`);
  const fill = (text: string) => text.replaceAll('{project}', settings.project).replaceAll('{environment}', environment);
  const instance = (version: number) => fill(service.instance).replaceAll('{version}', String(version));
  const { requesterMayApprove } = settings;
  const gates: Record<string, GateRule> = Object.fromEntries(
    Object.entries(settings.gates).map(([gate, rule]) => [
      gate,
      { ...rule, requesterMayApprove: rule.requesterMayApprove ?? requesterMayApprove },
    ]),
  );
  // Where another environment comes first, the switch takes two people, and never the one who carries the run.
  if (settings.after !== undefined && !gates['approve-cutover'])
    gates['approve-cutover'] = { role: 'approver', count: 2, requesterMayApprove: false };
  // Going back is as big a decision as going.
  if (gates['approve-cutover']) gates['approve-rollback'] ??= gates['approve-cutover'];
  const { environments: _environments, instance: _instance, ...rest } = service;
  return {
    ...rest,
    environment,
    project: settings.project,
    from: current,
    to,
    source: instance(current),
    destination: instance(to),
    gates,
    requesterMayApprove,
    network: fill(service.network),
    location: `projects/${settings.project}/locations/${service.region}`,
    databases: Object.fromEntries(
      Object.entries(service.databases).map(([name, database]) => [name, { ...database, owner: fill(database.owner) }]),
    ),
    workloads: Object.fromEntries(
      Object.entries(service.workloads).map(([name, workload]) => [name, { ...workload, namespace: fill(workload.namespace) }]),
    ),
    databaseUsers: service.databaseUsers.map((user) => ({ ...user, username: fill(user.username) })),
  };
}
