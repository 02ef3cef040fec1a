import { NeedsHuman } from '../errors.ts';
import { both, type Pair } from './pairs.ts';

/** Refuses to compare a database with itself, which always is equal and proves nothing. */
export async function refuseTwins(pair: Pair, database: string): Promise<void> {
  const { source, destination } = await both(pair, async (session) => {
    const [row] = await session.texts(
      `select concat_ws(' ', pg_postmaster_start_time(), (select oid from pg_database where datname = current_database()))`,
    );
    return row?.[0];
  });
  if (source !== destination) return;
  throw new NeedsHuman('validator.same-database', `Source and destination are one and the same database (${database}).`, {
    remedy: 'Give the address of the other server.',
  });
}
