import { readFile } from 'node:fs/promises';
import { runTerminal } from './slack/terminal.ts';
import { infoFile, stageDirectory } from './stage.ts';
import type { SandboxInfo } from './types.ts';

const verbs = ['say', 'click', 'submit', 'close', 'tail'];
const print = (line: string) => console.log(line);

/** One verb to the running sandbox (or demo, where no sandbox runs). Gives the exit code: 0 done, 1 refused, 2 not understood. */
export async function talk(verb: string, words: readonly string[], usage: string): Promise<number> {
  if (verb !== 'flag' && !verbs.includes(verb)) {
    console.error(`There is no "${verb}".\n\n${usage}`);
    return 2;
  }
  const info = (await running('sandbox')) ?? (await running('demo'));
  if (!info) {
    console.error('No sandbox is running: start one with "npm run sandbox" in another terminal.');
    return 1;
  }
  return verb === 'flag' ? flag(info, words) : runTerminal({ base: info.slack, write: print }, [verb, ...words]);
}

/** What a running one says of itself; a killed one leaves its file behind, so its process is looked at. */
async function running(name: 'sandbox' | 'demo'): Promise<SandboxInfo | undefined> {
  const text = await readFile(infoFile(await stageDirectory(name)), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const info = JSON.parse(text) as SandboxInfo;
  try {
    process.kill(info.pids['sandbox'] ?? 0, 0);
    return info;
  } catch {
    return undefined;
  }
}

async function flag(info: SandboxInfo, [name = '', state]: readonly string[]): Promise<number> {
  if (!/^\w+$/.test(name) || (state !== undefined && state !== 'on' && state !== 'off')) {
    print('flag NAME [on|off], for example: flag ASYNC_AUDIENCE_CREATION_ENABLED on');
    return 2;
  }
  const response = await fetch(`${info.kubernetes}/_flipper/${name}`, state === undefined ? {} : { method: 'PUT', body: state });
  print(`${name} is ${await response.text()}`);
  return 0;
}
