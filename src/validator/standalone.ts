import { Client } from 'pg';
import { Fatal, NeedsHuman, Refused, Transient } from '../errors.ts';
import { createValidator } from './compare.ts';
import { openFiles } from './files.ts';
import { progressLine } from './progress.ts';
import { reportOf } from './report.ts';
import type { ConnectionFactory, Expectation, Verdict } from './types.ts';

export interface StandaloneRequest {
  /** `postgres://user@host:port/database`; a password may also come from PGPASSWORD. */
  readonly source: string;
  readonly destination: string;
  readonly schemas?: readonly string[];
  /** `schema.table`, quoted where needed. */
  readonly tables?: readonly string[];
  readonly rowsOnly?: boolean;
  readonly schemaOnly?: boolean;
  /** Changes flow from the source to the destination while it compares. */
  readonly live?: boolean;
  /** Live: the source's slots; absent: those with plugin pglogical_output. */
  readonly slots?: readonly string[];
  readonly expected?: readonly Expectation[];
  /** Connections on each side. */
  readonly jobs: number;
  /** Percent of its time in which each connection works; absent: 100. */
  readonly throttle?: number;
  /** `text` is the verdict as JSON. */
  readonly json: boolean;
  /** Gets differences.csv and differences.jsonl with every difference. */
  readonly outDir?: string;
  readonly onProgress?: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface StandaloneAnswer {
  /** 0 equal, 1 different, 2 could not compare. */
  readonly exitCode: 0 | 1 | 2;
  readonly verdict: Verdict | undefined;
  readonly text: string;
}

const shownRows = 20;
const progressEveryMs = 500;

/** Compares two databases given by address, for a terminal. Never throws: what went wrong is the answer's text, with exit code 2. */
export async function validateStandalone(request: StandaloneRequest): Promise<StandaloneAnswer> {
  try {
    const verdict = await compared(request);
    const text = request.json
      ? JSON.stringify({ ...verdict, peakMemoryBytes: process.resourceUsage().maxRSS * 1_024 })
      : reportOf(verdict, shownRows, request.outDir);
    return { exitCode: exitCodeOf(verdict), verdict, text };
  } catch (error) {
    const said = request.signal.aborted ? 'It was interrupted.' : sentenceOf(error);
    return { exitCode: 2, verdict: undefined, text: request.json ? JSON.stringify({ error: said }) : `Could not compare. ${said}` };
  }
}

function exitCodeOf(verdict: Verdict): 0 | 1 | 2 {
  if (verdict.notCompared.some(({ obstacle }) => obstacle)) return 2;
  return verdict.equal ? 0 : 1;
}

async function compared(request: StandaloneRequest): Promise<Verdict> {
  if (request.rowsOnly && request.schemaOnly)
    throw new Refused('validator.nothing-asked', 'Rows only and schema only exclude each other: leave one of them out.');
  const validator = createValidator({
    source: factory('source', request.source),
    destination: factory('destination', request.destination),
  });
  const files = request.outDir === undefined ? undefined : await openFiles(request.outDir);
  const began = Date.now();
  let shownAt = 0;
  try {
    const verdict = await validator.compare({
      databases: [databaseOf(request.source)],
      live: request.live ?? false,
      sequences: !request.live,
      expected: request.expected ?? [],
      connections: request.jobs,
      rowsPerTable: shownRows,
      signal: request.signal,
      parts: request.rowsOnly ? 'rows' : request.schemaOnly ? 'objects' : 'everything',
      ...(request.schemas ? { schemas: request.schemas } : {}),
      ...(request.tables ? { tables: request.tables } : {}),
      ...(request.throttle === undefined ? {} : { throttle: request.throttle }),
      ...(request.slots ? { slots: request.slots } : {}),
      ...(files ? { found: files.row } : {}),
      progress: (done) => {
        const now = Date.now();
        if (now - shownAt < progressEveryMs && done.bytes < done.ofBytes) return;
        shownAt = now;
        request.onProgress?.(progressLine(done, now - began));
      },
    });
    for (const difference of verdict.objects) files?.object(difference);
    refuseEmpty(request, verdict);
    return verdict;
  } finally {
    await files?.close();
  }
}

/** "Equal" about nothing would be a lie. */
function refuseEmpty(request: StandaloneRequest, verdict: Verdict): void {
  if (request.schemaOnly || verdict.tables.length + verdict.objects.length + verdict.notCompared.length > 0) return;
  const asked = [...(request.tables ?? []), ...(request.schemas ?? [])].join(', ');
  throw new NeedsHuman('validator.nothing-to-compare', `No table was compared: neither side has ${asked || 'a table of its own'}.`, {
    remedy: 'Look at the names (schema.table) and at the database in the address.',
  });
}

function factory(side: string, address: string): ConnectionFactory {
  const url = parsed(side, address);
  return {
    async open(_database, applicationName) {
      const client = new Client({
        connectionString: url.href,
        application_name: applicationName,
        connectionTimeoutMillis: 10_000,
        keepAlive: true,
      });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
  };
}

/** The address may hold a password: it is never repeated. */
function parsed(side: string, address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1) return url;
  throw new Refused('validator.address', `The address of the ${side} is not one like postgres://user@host:port/database.`);
}

function databaseOf(address: string): string {
  return decodeURIComponent(parsed('source', address).pathname.slice(1));
}

function sentenceOf(error: unknown): string {
  if (error instanceof NeedsHuman) return `${error.message} ${error.remedy}`;
  if (error instanceof Refused || error instanceof Transient || error instanceof Fatal) return error.message;
  return error instanceof Error ? `${error.message}.` : String(error);
}
