import type { Fact, FactBody } from '../../src/engine/facts.ts';

/** The first fact of a run of these steps. */
export const runStarted = (steps: readonly string[]) =>
  ({
    type: 'run.started',
    run: 'PG-1',
    uid: 'ab12cd34',
    service: 's',
    environment: 'e',
    from: 15,
    to: 17,
    by: 'olga',
    channel: 'c',
    steps,
    format: 1,
  }) as const satisfies FactBody;

/** A log: its facts one second apart. */
export const logOf = (...bodies: readonly FactBody[]): Fact[] => bodies.map((fact, index): Fact => ({ at: index * 1_000, ...fact }));
