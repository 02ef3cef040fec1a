import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';

/** One official method. Paths and fields come from Google's discovery documents: scripts/make-google-schema.mjs. */
export interface Method {
  readonly id: string;
  readonly verb: string;
  readonly api: string;
  /** Answers the path's parameters. */
  match(path: string): Readonly<Record<string, string>> | undefined;
  readonly query: readonly string[];
  readonly request?: string;
  readonly response: string;
}
interface Api {
  readonly methods: Readonly<
    Record<
      string,
      {
        readonly verb: string;
        readonly path: string;
        readonly query: readonly string[];
        readonly request?: string;
        readonly response: string;
      }
    >
  >;
  readonly $defs: Readonly<Record<string, object>>;
}

/** Parameters that every method takes. */
export const commonQuery =
  /^(\$|alt$|fields$|key$|prettyPrint$|quotaUser$|uploadType$|upload_protocol$|callback$|access_token$|oauth_token$)/;

const anything = { validate: () => true };
const formats = {
  ...Object.fromEntries(
    ['int32', 'uint32', 'int64', 'uint64', 'double', 'float', 'byte', 'date', 'date-time', 'google-fieldmask'].map((name) => [
      name,
      anything,
    ]),
  ),
  'google-datetime': (text: string) => !Number.isNaN(Date.parse(text)),
  'google-duration': (text: string) => /^-?\d+(\.\d{1,9})?s$/.test(text),
};

export interface Schemas {
  readonly methods: readonly Method[];
  /** What `value` has that message `name` of the API has not; empty: it fits. */
  violations(api: string, name: string, value: unknown): readonly string[];
}

export function loadSchemas(): Schemas {
  const apis: Readonly<Record<string, Api>> = JSON.parse(readFileSync(new URL('./schema.json', import.meta.url), 'utf8'));
  const ajv = new Ajv({ strict: false, allErrors: true, formats });
  for (const [name, api] of Object.entries(apis)) ajv.addSchema({ $id: `${name}.json`, $defs: api.$defs });
  const validators = new Map<string, ValidateFunction>();
  const validator = (api: string, name: string) => {
    const key = `${api}.json#/$defs/${name}`;
    const known = validators.get(key) ?? ajv.getSchema(key);
    if (!known) throw new Error(`schema.json has no ${name} of ${api}`);
    validators.set(key, known);
    return known;
  };
  return {
    methods: Object.entries(apis).flatMap(([api, { methods }]) =>
      Object.entries(methods).map(([id, method]) => ({ id, api, ...method, match: matcher(method.path) })),
    ),
    violations(api, name, value) {
      const validate = validator(api, name);
      if (validate(value)) return [];
      return (validate.errors ?? []).map((error) => {
        const params: Readonly<Record<string, unknown>> = error.params;
        const extra =
          params['additionalProperty'] ??
          (Array.isArray(params['allowedValues']) ? params['allowedValues'].slice(0, 5).join('|') : undefined);
        return `${error.instancePath || '/'} ${error.message ?? ''}${extra === undefined ? '' : ` (${String(extra)})`}`;
      });
    },
  };
}

/** `/v1/projects/{project}/instances/{instance}:verb` → a function from path to parameters; a parameter is one segment. */
function matcher(template: string): Method['match'] {
  const names: string[] = [];
  const pattern = template.replace(/\{(\w+)\}|[^{}]+/g, (text, name: string | undefined) => {
    if (name === undefined) return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    names.push(name);
    return '([^/:]+)';
  });
  const expression = new RegExp(`^${pattern}$`);
  return (path) => {
    const found = expression.exec(path);
    return found ? Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')])) : undefined;
  };
}
