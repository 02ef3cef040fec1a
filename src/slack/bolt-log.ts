import type { Logger, LogLevel } from '@slack/bolt';

/** Where the channel's own lines go: structured, without bodies of messages. */
export interface ChannelLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

function words(parts: readonly unknown[]): string {
  return parts.map((part) => (part instanceof Error ? part.message : String(part))).join(' ');
}

/** Bolt's logger on ours. Its debug and info lines tell about sockets and payloads that nobody reads. */
export function boltLogger(log: ChannelLog): Logger {
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (...parts) => log.warn({ from: 'bolt' }, words(parts)),
    error: (...parts) => log.error({ from: 'bolt' }, words(parts)),
    setLevel: () => undefined,
    getLevel: () => 'warn' as LogLevel,
    setName: () => undefined,
  };
}
