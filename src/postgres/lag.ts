import { migrationSlots } from './migration-slots.ts';
import type { Postgres } from './types.ts';

/** How far the destination is behind, in bytes of WAL: the slot that is furthest behind decides. */
export interface Lag {
  readonly bytes: number;
  readonly retainedBytes: number;
  readonly slots: number;
  /** Nobody reads from them now. */
  readonly inactive: readonly string[];
}

/**
 * Measured at the source's own slots (WAL written − confirmed). Google's metric is minutes old. The confirmed
 * position moves about once a second, so on an idle server a few kB of heartbeat are normal.
 */
export async function lagOf(postgres: Postgres): Promise<Lag> {
  const slots = await migrationSlots(postgres);
  return {
    bytes: Math.max(0, ...slots.map(({ lagBytes }) => lagBytes)),
    retainedBytes: Math.max(0, ...slots.map(({ retainedBytes }) => retainedBytes)),
    slots: slots.length,
    inactive: slots.filter(({ active }) => !active).map(({ slot }) => slot),
  };
}

/** `3.2 MB`, powers of 1024. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 10 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
