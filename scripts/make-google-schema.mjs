// Makes sandbox/google/schema.json from Google's discovery documents: the methods that the stand-in answers and only
// the schemas that they reach. `node scripts/make-google-schema.mjs DIRECTORY [OUT]` with sqladmin__v1.json, sqladmin__v1beta4.json,
// datamigration__v1.json and secretmanager__v1.json in it.
import { readFileSync, writeFileSync } from 'node:fs';

const directory = process.argv[2];
if (!directory) throw new Error('Name the directory of the discovery documents.');
const read = (name) => JSON.parse(readFileSync(`${directory}/${name}.json`, 'utf8'));
// The stored sqladmin v1 is of 2024; v1beta4 has the same schemas of 2026, so paths are taken from the one and fields from the other.
const sqladmin = { ...read('sqladmin__v1'), schemas: read('sqladmin__v1beta4').schemas, revision: read('sqladmin__v1beta4').revision };

const methods = {
  sqladmin:
    /^sql\.(instances\.(get|list|insert|patch|delete|restart)|users\.(get|list|insert|update|delete)|sslCerts\.(get|list|insert|delete)|connect\.get|flags\.list|backupRuns\.(get|list|insert)|operations\.(get|list)|databases\.(get|list))$/,
  datamigration:
    /^datamigration\.projects\.locations\.(connectionProfiles\.(create|get|list|delete)|migrationJobs\.(create|get|list|delete|demoteDestination|verify|start|stop|resume|restart|promote|objects\.(list|get))|operations\.(get|list|cancel))$/,
  secretmanager: /^secretmanager\.projects\.secrets\.(create|get|list|delete|addVersion|versions\.(access|get|list))$/,
};

/** Discovery's dialect → JSON schema; descriptions and defaults stay behind. */
function convert(schema) {
  if (schema.$ref) return { $ref: `#/$defs/${schema.$ref}` };
  const out = {};
  if (schema.type && schema.type !== 'any') out.type = schema.type;
  // The stand-in knows PostgreSQL alone.
  if (schema.enum) out.enum = schema.enum.filter((value) => !/^(MYSQL|SQLSERVER)_\d/.test(value));
  if (schema.format) out.format = schema.format;
  if (schema.items) out.items = convert(schema.items);
  if (schema.properties) {
    out.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, value]) => [name, convert(value)]));
    out.additionalProperties = false;
  }
  if (schema.additionalProperties) out.additionalProperties = convert(schema.additionalProperties);
  return out;
}

function methodsOf(resource, wanted) {
  const own = Object.values(resource.methods ?? {}).filter((method) => wanted.test(method.id));
  return [...own, ...Object.values(resource.resources ?? {}).flatMap((inner) => methodsOf(inner, wanted))];
}

function reachable(schemas, roots) {
  const found = new Map();
  const visit = (name) => {
    if (found.has(name)) return;
    const schema = convert(schemas[name]);
    found.set(name, schema);
    for (const [, inner] of JSON.stringify(schema).matchAll(/#\/\$defs\/([^"]+)/g)) visit(inner);
  };
  for (const root of roots) visit(root);
  return Object.fromEntries([...found].sort(([a], [b]) => a.localeCompare(b)));
}

/** One definition a line: small, and a change shows as one line. */
const object = (entries, indent) =>
  `{\n${entries.map(([key, value]) => `${indent}  ${JSON.stringify(key)}: ${value}`).join(',\n')}\n${indent}}`;

const apis = Object.entries({ sqladmin, datamigration: read('datamigration__v1'), secretmanager: read('secretmanager__v1') }).map(
  ([name, doc]) => {
    const used = methodsOf(doc, methods[name]);
    const roots = used.flatMap((method) => [method.request?.$ref, method.response?.$ref].filter(Boolean));
    const table = used.map((method) => {
      const query = Object.entries(method.parameters ?? {}).filter(([, parameter]) => parameter.location === 'query');
      const entry = {
        verb: method.httpMethod,
        path: `/${(method.flatPath ?? method.path).replace(/\{(\w+)sId\}/g, '{$1}')}`,
        query: query.map(([parameter]) => parameter),
        ...(method.request ? { request: method.request.$ref } : {}),
        response: method.response.$ref,
      };
      return [method.id, JSON.stringify(entry)];
    });
    // What a long-running operation's `response` holds is a schema that no method names.
    const extra = name === 'datamigration' ? ['MigrationJobVerificationError', 'OperationMetadata'].filter((one) => doc.schemas[one]) : [];
    const defs = Object.entries(reachable(doc.schemas, [...roots, ...extra])).map(([key, value]) => [key, JSON.stringify(value)]);
    return [
      name,
      object(
        [
          ['revision', JSON.stringify(doc.revision)],
          ['methods', object(table, '    ')],
          ['$defs', object(defs, '    ')],
        ],
        '  ',
      ),
    ];
  },
);
// Of Cloud Resource Manager v3 a single method is answered; its document is not among those that are read above.
const permissions = {
  type: 'object',
  properties: { permissions: { type: 'array', items: { type: 'string' } } },
  additionalProperties: false,
};
const testIamPermissions = {
  verb: 'POST',
  path: '/v3/projects/{project}:testIamPermissions',
  query: [],
  request: 'TestIamPermissionsRequest',
  response: 'TestIamPermissionsResponse',
};
apis.push([
  'cloudresourcemanager',
  object(
    [
      ['revision', '"v3"'],
      ['methods', object([['cloudresourcemanager.projects.testIamPermissions', JSON.stringify(testIamPermissions)]], '    ')],
      [
        '$defs',
        object(
          [testIamPermissions.request, testIamPermissions.response].map((name) => [name, JSON.stringify(permissions)]),
          '    ',
        ),
      ],
    ],
    '  ',
  ),
]);
writeFileSync(process.argv[3] ?? new URL('../sandbox/google/schema.json', import.meta.url), `${object(apis, '')}\n`);
