import { Refused } from '../errors.ts';
import type { GateRule, Service, Target } from './schema.ts';

const defaultGates: Readonly<Record<string, GateRule>> = {
  'create-destination': { role: 'tech-lead', count: 1, requesterMayApprove: true },
};
const otherGates: GateRule = { role: 'approver', count: 1, requesterMayApprove: true };

/** Who decides a gate, where the service file is silent: `approve-cutover` after another environment takes two, never the requester. */
export function gateRule(target: Pick<Target, 'gates'>, gate: string): GateRule {
  return target.gates[gate.replace(/^undo:/, '')] ?? defaultGates[gate] ?? otherGates;
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
  const gates = { ...settings.gates };
  if (settings.after !== undefined && !gates['approve-cutover'])
    gates['approve-cutover'] = { role: 'approver', count: 2, requesterMayApprove: false };
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
