import { spawn } from 'node:child_process';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root; as root the servers run as nobody, an account that every Debian has. Otherwise: as we are. */
export function serverIdentity(): Identity | undefined {
  return process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly input?: string;
  readonly identity?: Identity | undefined;
}

/**
 * The command as Debian's `setpriv` runs it: as another user if asked, and with a signal of its own should this process be killed,
 * so that kill -9 of the sandbox leaves nothing behind.
 */
export function guarded(
  command: { readonly program: string; readonly args: readonly string[]; readonly identity?: Identity | undefined },
  atDeath: 'KILL' | 'QUIT',
): readonly [string, readonly string[]] {
  const who = command.identity ? ['--reuid', String(command.identity.uid), '--regid', String(command.identity.gid), '--clear-groups'] : [];
  return ['setpriv', ['--pdeathsig', atDeath, ...who, command.program, ...command.args]];
}

/** Messages in English and nothing of the caller's PG* variables, which libpq would obey. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_') && name !== 'LANG');
  // A server's own connections (a subscription) look for certificates below HOME: they must not find, nor fail on, the caller's.
  return { ...Object.fromEntries(inherited), HOME: '/nonexistent', LC_ALL: 'C', TZ: 'UTC' };
}

/** Runs a program to its end with umask 022 and answers its standard output. Throws with the last lines of what it said otherwise. */
export function run(command: Command): Promise<string> {
  const [program, args] = guarded(
    { ...command, program: 'sh', args: ['-c', 'umask 022; exec "$@"', 'sh', command.program, ...command.args] },
    'KILL',
  );
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: command.cwd ?? '/', env: plainEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    // A program that ends early closes its input; what it said is in its exit.
    child.stdin.on('error', () => undefined);
    child.stdin.end(command.input ?? '');
    child.on('error', (error) => reject(new Error(`${command.program} cannot be run: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(out);
      const said = (err.trim() || out.trim()).split('\n').slice(-3).join(' · ');
      reject(new Error(`${command.program.split('/').at(-1)} ended with ${code ?? signal}: ${said}`));
    });
  });
}
