/** Times, durations, sizes and counts, in words that mean one thing. */

/** A moment for people. */
export interface Moment {
  /** How long ago, or in how long: `3 minutes ago`. Read alone it is never enough: show `absolute` beside or behind it. */
  relative: string;
  /** Date, time and zone: `2026-11-22 23:10:35 UTC`. */
  absolute: string;
  /** For `<time datetime>`: ISO 8601, in UTC. */
  iso: string;
}

/** How a moment is written. */
export interface MomentOptions {
  /** What "ago" is measured from. */
  now: Date;
  /** An IANA zone, such as `Europe/Berlin`. Default: `UTC`, in which the ledger is written. */
  timeZone?: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const SPANS: readonly [ms: number, long: string, short: string][] = [
  [DAY, "day", "d"],
  [HOUR, "hour", "h"],
  [MINUTE, "minute", "min"],
  [SECOND, "second", "s"],
];

/**
 * A time as the control plane writes it, for people; `undefined` for what is no instant: an empty text, which stands for "not
 * yet" or "not known", or a time without a zone, which names no moment.
 */
export function moment(text: string | null | undefined, options: MomentOptions): Moment | undefined {
  const at = instant(text);
  if (at === undefined) return undefined;
  const zone = options.timeZone ?? "UTC";
  return {
    relative: relative(at.getTime() - options.now.getTime()),
    absolute: absolute(at, zone),
    iso: at.toISOString(),
  };
}

/** The moment that a text names; `undefined` where it names none. */
export function instant(text: string | null | undefined): Date | undefined {
  if (text == null || !/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$/i.test(text.trim())) return undefined;
  const at = new Date(text.trim().replace(" ", "T"));
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** From now to a moment that many milliseconds away; what lies within five seconds is now. */
function relative(ms: number): string {
  const span = Math.abs(ms);
  if (span < 5 * SECOND) return "now";
  const [unit, name] = SPANS.find(([length]) => span >= length) ?? [SECOND, "second"];
  const words = counted(Math.floor(span / unit), name);
  return ms < 0 ? `${words} ago` : `in ${words}`;
}

/** Making one costs more than a hundred uses of it, and a list writes many times. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = FORMATS.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      timeZoneName: "short",
    });
    FORMATS.set(timeZone, format);
  }
  return format;
}

function absolute(at: Date, timeZone: string): string {
  const parts = formatOf(timeZone).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((it) => it.type === type)?.value ?? "";
  const date = `${part("year")}-${part("month")}-${part("day")}`;
  return `${date} ${part("hour")}:${part("minute")}:${part("second")} ${part("timeZoneName")}`;
}

/**
 * A duration in its two largest units: `2 hours 5 minutes`, or short, `2 h 5 min`. Below a second in milliseconds. `undefined`
 * for what is no duration.
 */
export function duration(ms: number, style: "long" | "short" = "long"): string | undefined {
  if (!Number.isFinite(ms) || ms < 0) return undefined;
  if (ms < SECOND) return style === "long" ? counted(Math.round(ms), "millisecond") : `${Math.round(ms)} ms`;
  let rest = Math.floor(ms / SECOND) * SECOND;
  const parts: string[] = [];
  for (const [at, [unit, long, short]] of SPANS.entries()) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0) parts.push(style === "long" ? counted(count, long) : `${count} ${short}`);
    // The second unit is the one right below the first, so that nothing small is told beside something large.
    const first = SPANS.findIndex(([length]) => ms >= length);
    if (at >= first + 1) break;
  }
  return parts.join(" ");
}

/** A size in bytes: `812 B`, `1.4 MiB`. */
export function size(bytes: number): string | undefined {
  if (!Number.isFinite(bytes) || bytes < 0) return undefined;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [bytes, 0];
  // Half a tenth below the next unit is written as 1024.0 otherwise.
  while (value >= 1023.95 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return unit === 0 ? `${Math.round(value)} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** A count with its noun: `1 item`, `3 items`, `2 entries` with the plural given. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** A digest, hash or long id by its two ends. The whole must be at hand where somebody compares it. */
export function abbreviated(id: string, ends = 6): string {
  return id.length <= 2 * ends + 1 ? id : `${id.slice(0, ends)}…${id.slice(-ends)}`;
}
