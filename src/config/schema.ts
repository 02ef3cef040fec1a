import { z } from 'zod';

/** `120s`, `5m`, `2h`, `7d` → milliseconds. */
const Duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'write a duration such as 120s, 5m, 2h or 7d')
  .transform((text) => {
    const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    const match = /^([\d.]+)(ms|s|m|h|d)$/.exec(text);
    return match ? Number(match[1]) * unit[match[2] as keyof typeof unit] : Number.NaN;
  });

/** `1MB`, `20GB` → bytes; powers of 1024 as Postgres counts them. */
const Size = z
  .string()
  .regex(/^\d+(\.\d+)?(B|kB|MB|GB|TB)$/, 'write a size such as 512kB, 1MB or 20GB')
  .transform((text) => {
    const unit = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const;
    const match = /^([\d.]+)(B|kB|MB|GB|TB)$/.exec(text);
    return match ? Number(match[1]) * unit[match[2] as keyof typeof unit] : Number.NaN;
  });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const Role = z.enum(['viewer', 'operator', 'approver', 'tech-lead', 'admin']);
const Gate = z.strictObject({
  role: Role,
  count: z.int().min(1).max(6).default(1),
  requesterMayApprove: z.boolean().optional().describe('Absent: as the environment says'),
});
const Name = z.string().min(1).max(63);
const Major = z.int().min(13).max(30);

const Environment = z.strictObject({
  project: z.string().min(1),
  after: z.string().optional().describe('The environment that must have finished the same upgrade first'),
  requesterMayApprove: z.boolean().default(false).describe('Whether the person who carries a run counts as an approver of its gates'),
  gates: z.record(z.string(), Gate).default({}),
  currentVersion: Major.optional().describe('Overrides the service’s currentVersion'),
});

const DatabaseUser = z.strictObject({
  username: z.string().min(1),
  type: z.enum(['iam', 'built-in']),
  roleType: z.enum(['read', 'write']),
  password: z.enum(['reuse', 'generate']).default('reuse').describe('Built-in users: read the secret, or write a new version of it'),
});

const Workload = z.strictObject({
  driver: z.enum(['kubernetes', 'manual']),
  namespace: z.string().default('default'),
  stop: z.int().optional().describe('Its place when the writers are stopped; absent: not stopped, only switched'),
  start: z.int().optional().describe('Its place when the services start'),
  connection: z.string().min(1).describe('The setting that names the instance'),
  reads: z.boolean().default(false).describe('It only reads: it stays until the switch'),
  during: z.int().min(0).optional().describe('Replicas while data is copied'),
  afterSwitch: z.int().min(0).optional().describe('Replicas once the services are on the new instance'),
  afterwards: z.int().min(0).optional().describe('Replicas when the held queue is empty'),
  emptyWhen: z.string().optional().describe('A query that answers true when what it works off is empty'),
});

const Flag = z.strictObject({
  driver: z.enum(['kubernetes', 'manual']),
  workloads: z.array(z.string()).default([]),
  during: z.string(),
  afterwards: z.string(),
});

const Proof = z.strictObject({
  maxRetainedWal: Size.default(10 * 1024 ** 3).describe('Of each instance, for the change feeds: beyond it the proof is given up'),
  throttle: z.int().min(1).max(100).default(50).describe('The share of its time, in percent, in which rows are read again'),
});
const proofDefaults = { maxRetainedWal: 10 * 1024 ** 3, throttle: 50 };

/** One service: one application and its database instance per environment. All names of one company live here. */
export const Service = z
  .strictObject({
    service: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'lower case letters, digits and hyphens'),
    channel: z.string().min(1),
    instance: z
      .string()
      .regex(/\{environment\}/, 'must contain {environment}')
      .regex(/\{version\}/, 'must contain {version}'),
    currentVersion: Major,
    targetVersion: Major,
    region: z.string().min(1),
    timeZone: z
      .string()
      .default('UTC')
      .refine(isTimeZone, 'there is no such time zone')
      .describe('Of times that people write without one, for instance Europe/Vienna'),
    network: z.string().min(1),
    databases: z
      .record(Name, z.strictObject({ schemas: z.array(Name).min(1), owner: z.string().min(1) }))
      .refine((all) => Object.keys(all).length > 0, 'name at least one database'),
    environments: z
      .record(z.string().regex(/^[a-z][a-z0-9-]*$/), Environment)
      .refine((all) => Object.keys(all).length > 0, 'name at least one environment'),
    escalation: z.array(z.string()).default([]).describe('Who is named when a question is open for 15 minutes; empty: the admins'),
    people: z.strictObject({
      viewer: z.array(z.string()).default(['everyone']),
      operator: z.array(z.string()).min(1),
      approver: z.array(z.string()).min(1),
      'tech-lead': z.array(z.string()).min(1),
      admin: z.array(z.string()).min(1),
    }),
    secrets: z
      .record(z.string(), z.string().min(1))
      .refine(
        (all) => ['postgres', 'migration', 'wayback'].every((key) => key in all),
        'must name the secrets postgres, migration and wayback',
      ),
    databaseUsers: z.array(DatabaseUser).min(1),
    customTypes: z.record(Name, z.strictObject({ setting: z.string(), workloads: z.array(z.string()).min(1) })).default({}),
    primaryKeys: z
      .record(
        z.string(),
        z.strictObject({ add: z.string(), onUndo: z.enum(['restore', 'keep']), onDestination: z.enum(['restore', 'keep']) }),
      )
      .default({}),
    deferrableConstraints: z
      .record(
        z.string(),
        z.record(Name, z.string().regex(/^(UNIQUE|PRIMARY KEY|EXCLUDE) .*DEFERRABLE/, 'as pg_get_constraintdef prints it')),
      )
      .default({})
      .describe('What the tables (schema.table) must have: one that somebody dropped by hand before comes back on the new instance too'),
    workloads: z.record(z.string(), Workload),
    flags: z.record(z.string(), Flag).default({}),
    cutover: z.strictObject({ deadline: Duration, maxLag: Size, pitr: z.enum(['after', 'inside-write-stop']).default('after') }),
    wayBack: z.strictObject({
      days: z.number().positive(),
      maxRetainedWal: Size.describe('Of the new instance, for the old one: warned at it, the way back is given up at twice that'),
    }),
    highAvailability: z.enum(['as-source', 'regional', 'zonal']).default('as-source').describe('Of the new instance once it is promoted'),
    validation: z
      .strictObject({
        showValues: z.record(z.string(), z.array(z.string())).default({}),
        connections: z.int().min(1).max(32).default(4),
        proof: Proof.default(proofDefaults),
      })
      .default({ showValues: {}, connections: 4, proof: proofDefaults }),
  })
  .superRefine((service, context) => {
    if (service.targetVersion <= service.currentVersion)
      context.addIssue({ code: 'custom', path: ['targetVersion'], message: `must be above currentVersion ${service.currentVersion}` });
    for (const [name, environment] of Object.entries(service.environments)) {
      if (environment.after !== undefined && !(environment.after in service.environments))
        context.addIssue({
          code: 'custom',
          path: ['environments', name, 'after'],
          message: `there is no environment "${environment.after}"`,
        });
    }
    for (const [type, custom] of Object.entries(service.customTypes))
      for (const workload of custom.workloads)
        if (!(workload in service.workloads))
          context.addIssue({ code: 'custom', path: ['customTypes', type, 'workloads'], message: `there is no workload "${workload}"` });
    for (const user of service.databaseUsers)
      if (user.type === 'built-in' && !(user.username in service.secrets))
        context.addIssue({ code: 'custom', path: ['secrets'], message: `must name the secret of the built-in user "${user.username}"` });
  });
export type Service = z.infer<typeof Service>;
export type GateRule = z.infer<typeof Gate> & { readonly requesterMayApprove: boolean };

/** A service in one environment, with every placeholder filled in: what steps see. */
export interface Target extends Omit<Service, 'environments' | 'instance'> {
  readonly environment: string;
  readonly project: string;
  readonly from: number;
  readonly to: number;
  /** Instance names. */
  readonly source: string;
  readonly destination: string;
  /** By step id; the defaults filled in. */
  readonly gates: Readonly<Record<string, GateRule>>;
  readonly requesterMayApprove: boolean;
  /** `projects/P/locations/R` */
  readonly location: string;
}
