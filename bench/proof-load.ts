import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { Cluster } from '../sandbox/types.ts';

const writers = 8;

/** One row each, all over the tables. */
const changes: readonly ((n: number, rows: number) => string)[] = [
  (n, rows) => `update campaign_event set amount = amount + 1 where id = ${1 + ((n * 7_919) % Math.round(rows * 0.5))}`,
  (n, rows) => `update narrow set v = v + 1 where id = ${1 + ((n * 104_729) % Math.round(rows * 0.3))}`,
  (n) => `insert into device_registration values (${n}, 'bench', '${n}', now()) on conflict do nothing`,
  (n) => `delete from device_registration where customer_id = ${n - 301} and application = 'bench'`,
  (n, rows) => `update audience_data.member set email = 'e${n}' where list = ${1 + (n % 20)} and id = ${n % Math.round(rows * 0.1)}`,
  (n, rows) => `update wide set c1 = c1 + 1, c11 = 'n${n}' where id = ${1 + ((n * 31) % Math.round(rows * 0.03))}`,
];

/** So many one-row transactions a second on the source until `stop`, which gives how many it were a second. */
export async function writeTo(source: Cluster, rows: number, perSecond: number): Promise<() => Promise<number>> {
  const began = performance.now();
  let writes = 0;
  let on = true;
  const write = async (which: number) => {
    const client = new Client({ ...source.admin, database: 'bench' });
    await client.connect();
    for (let n = which; on; n += writers) {
      await client.query(changes[n % changes.length]?.(n, rows) ?? '');
      writes++;
      // Paced by the clock, not by the answers.
      const ahead = (writes / perSecond) * 1_000 - (performance.now() - began);
      if (ahead > 0) await pause(ahead);
    }
    await client.end();
  };
  const running = Promise.all(Array.from({ length: writers }, (_, which) => write(which)));
  return async () => {
    on = false;
    await running;
    return writes / ((performance.now() - began) / 1_000);
  };
}
