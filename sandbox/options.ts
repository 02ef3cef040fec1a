interface Staging {
  readonly help: boolean;
  readonly environment: 'staging' | 'production';
  readonly scale: number;
  readonly googleLatencyMs: number;
}
export interface DemoOptions extends Staging {
  readonly injectDifference: boolean;
  readonly rollback: boolean;
  readonly json: string | undefined;
}
export interface SandboxOptions extends Staging {
  /** Of the page; the stand-ins of Google and Kubernetes take the two after it. */
  readonly port: number;
}
type Values = Readonly<Record<string, string | boolean | undefined>>;

const stagingFlags = {
  help: { type: 'boolean', short: 'h' },
  environment: { type: 'string', default: 'staging' },
  scale: { type: 'string', default: '10' },
  'google-latency': { type: 'string', default: '0' },
} as const;
/** For `parseArgs`. */
export const demoFlags = {
  ...stagingFlags,
  'inject-difference': { type: 'boolean' },
  rollback: { type: 'boolean' },
  json: { type: 'string' },
} as const;
export const defaultPort = 4390;
export const sandboxFlags = { ...stagingFlags, port: { type: 'string', default: String(defaultPort) } } as const;

/** What was typed → options; a bad value throws one sentence. */
export function demoOptions(values: Values): DemoOptions {
  return {
    ...staging(values),
    injectDifference: values['inject-difference'] === true,
    rollback: values['rollback'] === true,
    json: typeof values['json'] === 'string' ? values['json'] : undefined,
  };
}

/** The same for `npm run sandbox`. */
export function sandboxOptions(values: Values): SandboxOptions {
  return { ...staging(values), port: whole('port', values['port'], 1, 65_533) };
}

function staging(values: Values): Staging {
  const environment = values['environment'];
  if (environment !== 'staging' && environment !== 'production')
    throw new Error(`There is no environment "${String(environment)}"; there are staging and production.`);
  return {
    help: values['help'] === true,
    environment,
    scale: whole('scale', values['scale'], 1),
    googleLatencyMs: whole('google-latency', values['google-latency'], 0),
  };
}

function whole(name: string, value: string | boolean | undefined, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least || number > most)
    throw new Error(
      `--${name} takes a whole number of at least ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${most}`}, not "${String(value)}".`,
    );
  return number;
}
