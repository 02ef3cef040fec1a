import { spawn } from 'node:child_process';
import { constants, createWriteStream } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { lock } from '../../sandbox/servers/cache.ts';

const PATH = '/usr/bin/chromium';

/** Without the last ones it looks up the maker's hosts at every start, which a closed network refuses many times over. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

async function isThere(): Promise<boolean> {
  return access(PATH, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function apt(log: string, ...args: readonly string[]): Promise<boolean> {
  const output = createWriteStream(log, { flags: 'a' });
  return new Promise((resolve) => {
    const child = spawn('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    child.stdout.pipe(output, { end: false });
    child.stderr.pipe(output, { end: false });
    child.on('error', () => resolve(false));
    child.on('close', (code) => {
      output.end();
      resolve(code === 0);
    });
  });
}

/**
 * Debian's Chromium, installed where it is missing and this is root (minutes; apt's words go to a log file).
 * Gives its path, or the sentence to skip a test with.
 */
export async function findChromium(): Promise<{ readonly path: string } | { readonly missing: string }> {
  // Test files run side by side, and apt does one thing at a time.
  const release = await lock(join(tmpdir(), 'pgupgrade-chromium.lock'), 900);
  try {
    return await find();
  } finally {
    await release?.();
  }
}

async function find(): Promise<{ readonly path: string } | { readonly missing: string }> {
  if (await isThere()) return { path: PATH };
  if (process.getuid?.() !== 0) return { missing: `${PATH} is not there and only root can install it: apt-get install -y chromium` };
  const log = join(tmpdir(), 'pgupgrade-chromium-install.log');
  const installed = (await apt(log, 'update')) && (await apt(log, 'install', '-y', '--no-install-recommends', 'chromium'));
  return installed && (await isThere()) ? { path: PATH } : { missing: `chromium could not be installed, ${log} says why` };
}

export interface OpenBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** A fresh headless Chromium with an empty profile. Each person of a test gets a page of their own. */
export async function openBrowser(path: string, viewport = { width: 1280, height: 800 }): Promise<OpenBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'pgupgrade-chromium-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath: path, args: FLAGS, viewport, headless: true });
  const browser: Browser | null = context.browser();
  return {
    context,
    async close() {
      await context.close();
      await browser?.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
