import { Refused } from '../errors.ts';
import { cut, safe } from '../slack/render/text.ts';

const forms = 'Write `22:00 Europe/Vienna`, `2026-11-23 22:00 UTC`, `2026-11-23T22:00+01:00` or `+2h30m`.';
const minute = 60_000;
const longest = 31 * 24 * 60 * minute;

/**
 * A moment that a person wrote, in ms since the epoch: a time of day (the next one), a day and a time, or from now on.
 * Without a zone it is meant in `zone`. A time that the clock skips or that lies behind is refused, never guessed.
 */
export function readMoment(text: string, now: number, zone: string): number {
  const said = text.trim().replace(/\s+/g, ' ');
  const at = fromNow(said, now) ?? onTheClock(said, now, zone);
  if (at === undefined) throw new Refused('time.unreadable', `“${cut(safe(said), 60)}” is no time. ${forms}`);
  if (at <= now) throw new Refused('time.past', `“${cut(safe(said), 60)}” is over. ${forms} Nothing was begun.`);
  if (at - now > longest) throw new Refused('time.too-far', 'A start is planned at most 31 days ahead; nothing was begun.');
  return at;
}

function fromNow(text: string, now: number): number | undefined {
  const match = /^(?:\+|in )\s?(?:(\d{1,3})d)? ?(?:(\d{1,3})h)? ?(?:(\d{1,4})m(?:in)?)?$/i.exec(text);
  if (!match) return undefined;
  const [days = 0, hours = 0, minutes = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const wait = ((days * 24 + hours) * 60 + minutes) * minute;
  return wait > 0 ? now + wait : undefined;
}

function onTheClock(text: string, now: number, fallback: string): number | undefined {
  const match = /^(?:(\d{4})-(\d{2})-(\d{2})[ T])?(\d{1,2}):(\d{2})(?::00)? ?(.*)$/i.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minutes] = match.slice(1, 6).map((part) => (part === undefined ? undefined : Number(part)));
  if (hour === undefined || minutes === undefined || hour > 23 || minutes > 59) return undefined;
  const zone = zoneOf(match[6] ?? '', fallback);
  if (year !== undefined && month !== undefined && day !== undefined) return moment({ year, month, day, hour, minutes }, zone);
  const today = new Date(now + zone.offset(now));
  const dayAt = (plus: number) =>
    moment({ year: today.getUTCFullYear(), month: today.getUTCMonth() + 1, day: today.getUTCDate() + plus, hour, minutes }, zone);
  const next = dayAt(0);
  return next > now ? next : dayAt(1);
}

interface Zone {
  readonly name: string;
  /** What its clocks are ahead of UTC at a moment, in ms. */
  offset(at: number): number;
}

function zoneOf(said: string, fallback: string): Zone {
  const name = said === '' ? fallback : said;
  if (/^(?:z|utc|gmt)$/i.test(name)) return { name: 'UTC', offset: () => 0 };
  const fixed = /^(?:utc|gmt)?([+-])(\d{2}):?(\d{2})?$/i.exec(name);
  if (fixed) {
    const ahead = (Number(fixed[2]) * 60 + Number(fixed[3] ?? 0)) * minute * (fixed[1] === '-' ? -1 : 1);
    return { name, offset: () => ahead };
  }
  const clock = clockOf(name);
  return {
    name,
    offset: (at) => {
      const parts = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
      const { year = 0, month = 1, day = 1, hour = 0, minute: minutes = 0, second = 0 } = parts;
      return Date.UTC(year, month - 1, day, hour, minutes, second) - Math.floor(at / 1_000) * 1_000;
    },
  };
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  try {
    const numeric = 'numeric' as const;
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    });
  } catch {
    throw new Refused('time.zone-unknown', `There is no time zone “${cut(safe(timeZone), 40)}”. ${forms}`);
  }
}

function moment(
  wall: { readonly year: number; readonly month: number; readonly day: number; readonly hour: number; readonly minutes: number },
  zone: Zone,
): number {
  const read = Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minutes);
  // Two tries: the first guess may lie on the other side of a change of the clocks.
  const guess = read - zone.offset(read);
  const at = read - zone.offset(guess);
  if (at + zone.offset(at) !== read)
    throw new Refused('time.skipped', `The clocks of ${zone.name} skip that time on that day; choose another one. Nothing was begun.`);
  return at;
}
