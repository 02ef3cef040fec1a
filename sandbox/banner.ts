/** The first line of demo and sandbox: printed before anything heavy is loaded. */
export function banner(what: 'demo' | 'sandbox'): string {
  return ` pgupgrade ${what} · REAL PostgreSQL 15→17, pglogical, Redis, writers · STAND-INS for Slack, Google, Kubernetes · no root, no account`;
}

/** Runs what reads the command line; a mistake there is one sentence, then the usage, and exit code 2. */
export function orUsage<Options>(usage: string, read: () => Options): Options {
  try {
    return read();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
