import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Mirror {
  readonly uri: string;
  /** The field's raw text: a path, a fingerprint or a whole key block. */
  readonly signedBy?: string;
  readonly trusted: boolean;
}

const suite = /^(stable|oldstable|testing|sid|buster|bullseye|bookworm|trixie|forky|duke)$/;

/** Entries of a `.sources` file (deb822). */
function deb822(text: string): readonly Mirror[] {
  return text.split(/\n[ \t]*\n/).flatMap((paragraph) => {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of paragraph.split('\n')) {
      if (line.startsWith('#') || line.trim() === '') continue;
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (field) {
        last = (field[1] ?? '').toLowerCase();
        fields.set(last, field[2] ?? '');
      } else if (last) fields.set(last, `${fields.get(last)}\n${line}`);
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    const usable = words('types').includes('deb') && words('suites').some((name) => suite.test(name)) && fields.get('enabled') !== 'no';
    const signedBy = fields.get('signed-by');
    const trusted = fields.get('trusted') === 'yes';
    return usable ? words('uris').map((uri) => ({ uri, trusted, ...(signedBy ? { signedBy } : {}) })) : [];
  });
}

/** Entries of a `.list` file: `deb [options] URI suite component…`. */
function oneLine(text: string): readonly Mirror[] {
  return text.split('\n').flatMap((line) => {
    const found = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+\S/.exec(line);
    const uri = found?.[2];
    if (!uri || !suite.test(found[3] ?? '')) return [];
    const options = found[1] ?? '';
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1];
    return [{ uri, trusted: /trusted=yes/.test(options), ...(signedBy ? { signedBy } : {}) }];
  });
}

/** The mirror that this system uses for Debian itself, whether its sources are deb822 or one-line; Debian's own address otherwise. */
export async function systemMirror(etc = '/etc/apt'): Promise<Mirror> {
  const parts = await readdir(join(etc, 'sources.list.d')).catch(() => [] as string[]);
  const files = ['sources.list', ...parts.sort().map((name) => join('sources.list.d', name))];
  for (const file of files) {
    const text = await readFile(join(etc, file), 'utf8').catch(() => '');
    const found = (file.endsWith('.sources') ? deb822(text) : file.endsWith('.list') ? oneLine(text) : []).find(
      ({ uri }) => !/security/.test(uri) && !/^(cdrom|file):/.test(uri),
    );
    if (found) return found;
  }
  return { uri: 'http://deb.debian.org/debian', trusted: false };
}
