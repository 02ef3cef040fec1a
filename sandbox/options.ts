export interface DemoOptions {
  readonly help: boolean;
  readonly environment: 'staging' | 'production';
  readonly scale: number;
  readonly googleLatencyMs: number;
  readonly injectDifference: boolean;
  readonly json: string | undefined;
}
/** For `parseArgs`. */
export const demoFlags = {
  help: { type: 'boolean', short: 'h' },
  environment: { type: 'string', default: 'staging' },
  scale: { type: 'string', default: '10' },
  'google-latency': { type: 'string', default: '0' },
  'inject-difference': { type: 'boolean' },
  json: { type: 'string' },
} as const;

/** What was typed → options; a bad value throws one sentence. */
export function demoOptions(values: Readonly<Record<string, string | boolean | undefined>>): DemoOptions {
  const environment = values['environment'];
  if (environment !== 'staging' && environment !== 'production')
    throw new Error(`There is no environment "${String(environment)}"; there are staging and production.`);
  return {
    help: values['help'] === true,
    environment,
    scale: whole('scale', values['scale'], 1),
    googleLatencyMs: whole('google-latency', values['google-latency'], 0),
    injectDifference: values['inject-difference'] === true,
    json: typeof values['json'] === 'string' ? values['json'] : undefined,
  };
}

function whole(name: string, value: string | boolean | undefined, least: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} takes a whole number of at least ${least}, not "${String(value)}".`);
  return number;
}
