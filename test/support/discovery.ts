import { existsSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import type { LogEntry } from '../../sandbox/google/log.ts';

/** Where Google's full discovery documents lie, if they do; they are no part of the project. */
export const discoveryDocs = process.env['DISCOVERY_DOCS'] ?? '../shared/discovery';
export const hasDiscovery = existsSync(discoveryDocs);

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
}
interface Resource {
  readonly methods?: Readonly<Record<string, OfficialMethod>>;
  readonly resources?: Readonly<Record<string, Resource>>;
}
export interface OfficialMethod {
  readonly id: string;
  readonly httpMethod: string;
  readonly flatPath?: string;
  readonly path: string;
  readonly parameters?: Readonly<Record<string, { readonly location: string }>>;
  readonly request?: { readonly $ref: string };
  readonly response?: { readonly $ref: string };
}
interface Document extends Resource {
  readonly name: string;
  readonly schemas: Readonly<Record<string, Schema>>;
}

function read(file: string): Document {
  return JSON.parse(readFileSync(`${discoveryDocs}/${file}.json`, 'utf8'));
}

function converted(schema: Schema): object {
  if (schema.$ref) return { $ref: `#/$defs/${schema.$ref}` };
  return {
    ...(schema.type && schema.type !== 'any' ? { type: schema.type } : {}),
    ...(schema.enum ? { enum: schema.enum } : {}),
    ...(schema.items ? { items: converted(schema.items) } : {}),
    ...(schema.properties
      ? {
          properties: Object.fromEntries(Object.entries(schema.properties).map(([name, value]) => [name, converted(value)])),
          additionalProperties: schema.additionalProperties ? converted(schema.additionalProperties) : false,
        }
      : schema.additionalProperties
        ? { additionalProperties: converted(schema.additionalProperties) }
        : {}),
  };
}

/** Every official method of the three APIs by id, and a check of a message against the full schema. */
function loadDiscovery() {
  // Paths of sqladmin v1, fields of v1beta4: the stored v1 is older than the service.
  const documents = [
    { ...read('sqladmin__v1'), schemas: read('sqladmin__v1beta4').schemas },
    read('datamigration__v1'),
    read('secretmanager__v1'),
  ];
  const ajv = new Ajv({ strict: false, allErrors: true });
  const methods = new Map<string, OfficialMethod & { readonly api: string }>();
  for (const document of documents) {
    ajv.addSchema({
      $id: document.name,
      $defs: Object.fromEntries(Object.entries(document.schemas).map(([name, schema]) => [name, converted(schema)])),
    });
    const walk = (resource: Resource) => {
      for (const method of Object.values(resource.methods ?? {})) methods.set(method.id, { ...method, api: document.name });
      for (const inner of Object.values(resource.resources ?? {})) walk(inner);
    };
    walk(document);
  }
  return {
    methods,
    violations(api: string, message: string, value: unknown): readonly string[] {
      const validate: ValidateFunction | undefined = ajv.getSchema(`${api}#/$defs/${message}`);
      if (!validate) return [`no schema ${message} of ${api}`];
      return validate(value)
        ? []
        : (validate.errors ?? []).map((error) => `${message}${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
    },
  };
}

/** What of a recorded conversation is not official: unknown methods, wrong verbs, requests and answers that do not fit. */
export function unofficial(log: readonly LogEntry[]): readonly string[] {
  const { methods, violations } = loadDiscovery();
  const found: string[] = [];
  for (const entry of log) {
    const method = methods.get(entry.id);
    if (!method) found.push(`${entry.verb} ${entry.path}: no official method`);
    else {
      if (method.httpMethod !== entry.verb) found.push(`${entry.id} is ${method.httpMethod}`);
      if (method.request && entry.request !== undefined) found.push(...violations(method.api, method.request.$ref, entry.request));
      if (method.response && entry.status === 200) found.push(...violations(method.api, method.response.$ref, entry.response));
    }
  }
  return found;
}
