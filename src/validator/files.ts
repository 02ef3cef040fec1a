import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Differing, ObjectDifference } from './types.ts';

/** Two files that get every difference as it is found. */
export interface DifferenceFiles {
  row(table: string, row: Differing): void;
  object(difference: ObjectDifference): void;
  close(): Promise<void>;
}

/** Makes `differences.csv` (one line a column that differs) and `differences.jsonl` (one line a row or object) in the directory. */
export async function openFiles(directory: string): Promise<DifferenceFiles> {
  await mkdir(directory, { recursive: true });
  const csv = await opened(join(directory, 'differences.csv'));
  const lines = await opened(join(directory, 'differences.jsonl'));
  csv.write(csvLine(['kind', 'object', 'key', 'difference', 'column', 'source', 'destination']));
  return {
    row(table, row) {
      lines.write(`${JSON.stringify({ table, ...row })}\n`);
      const columns = row.columns.length > 0 ? row.columns : [{ column: '', source: null, destination: null }];
      for (const { column, source, destination } of columns)
        csv.write(csvLine(['row', table, JSON.stringify(row.key), row.kind, column, source, destination]));
    },
    object(difference) {
      lines.write(`${JSON.stringify(difference)}\n`);
      const { source, destination } = difference;
      const what = destination === null ? 'missing' : source === null ? 'extra' : 'changed';
      csv.write(csvLine([difference.kind, difference.object, '', what, '', source, destination]));
    },
    close: async () => {
      await Promise.all([csv, lines].map((stream) => new Promise<void>((resolve) => stream.end(resolve))));
    },
  };
}

/** RFC 4180; NULL is an empty field and '' is `""`, as in COPY. */
export function csvLine(fields: readonly (string | null)[]): string {
  return `${fields.map((field) => (field === null ? '' : field === '' || /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\n`;
}

function opened(path: string): Promise<WriteStream> {
  return new Promise((resolve, reject) => {
    const stream = createWriteStream(path);
    stream.once('open', () => resolve(stream));
    stream.once('error', reject);
  });
}
