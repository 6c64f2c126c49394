/** Values as Python prints them: what `str()` and an f-string of the papers' scripts make of numbers, truth values and times. */

/** `repr` of a float: shortest digits that round-trip, `.0` after whole numbers, an exponent below 1e-4 and from 1e16. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa, power] = value.toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (exponent < 0) return plainFraction(mantissa, exponent);
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

/** `str` of a bool. */
export function booleanText(value: boolean): string {
  return value ? 'True' : 'False';
}

/** `str` of a Decimal: coefficient times 10^-scale, with an exponent where Python writes one. */
export function decimalText(coefficient: bigint, scale: number): string {
  const sign = coefficient < 0n ? '-' : '';
  const digits = String(coefficient < 0n ? -coefficient : coefficient);
  const whole = digits.length - scale;
  if (scale >= 0 && whole > -6) {
    if (scale === 0) return sign + digits;
    return whole > 0
      ? `${sign}${digits.slice(0, whole)}.${digits.slice(whole)}`
      : `${sign}0.${'0'.repeat(-whole)}${digits}`;
  }
  const exponent = whole - 1;
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${sign}${mantissa}E${exponent < 0 ? '' : '+'}${exponent}`;
}

/** `str` of a date. @param days since 1970-01-01 @throws RangeError outside the years 1 to 9999 */
export function dateText(days: number): string {
  const date = new Date(days * 86_400_000);
  const year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) throw new RangeError('a date outside the years 1 to 9999');
  return date.toISOString().slice(0, 10);
}

/** `str` of a time of day. @param ticks of 10^-digits seconds since midnight */
export function timeText(ticks: bigint, digits: TimeDigits): string {
  const nanoseconds = ticks * TO_NANOSECONDS[digits];
  if (nanoseconds < 0n || nanoseconds >= DAY) throw new RangeError('a time outside a day');
  return clock(nanoseconds);
}

/**
 * `str` of a datetime, or of pandas' Timestamp where nanoseconds are left: `2024-03-01 10:30:00.500000+01:00`.
 *
 * @param ticks of 10^-digits seconds since 1970-01-01 UTC
 * @param zone name (Europe/Berlin) or offset (+01:00) of the time zone; null = none is shown
 * @throws RangeError outside the years 1 to 9999, and for a time zone that is not known
 */
export function timestampText(ticks: bigint, digits: TimeDigits, zone: string | null): string {
  const utc = ticks * TO_NANOSECONDS[digits];
  const offset = zone === null ? 0 : offsetOf(zone, Number(floorDivide(utc, 1_000_000n)));
  const local = utc + BigInt(offset) * 1_000_000_000n;
  const days = floorDivide(local, DAY);
  const text = `${dateText(Number(days))} ${clock(local - days * DAY)}`;
  return zone === null ? text : text + offsetText(offset);
}

/** Digits of a second that a unit of time has: seconds, milliseconds, microseconds, nanoseconds. */
export type TimeDigits = 0 | 3 | 6 | 9;

// --- internal ---

const TO_NANOSECONDS: Readonly<Record<TimeDigits, bigint>> = { 0: 1_000_000_000n, 3: 1_000_000n, 6: 1_000n, 9: 1n };
const DAY = 86_400_000_000_000n;

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** HH:MM:SS, with six digits of the second where it has a fraction and nine where six are not enough. */
function clock(nanoseconds: bigint): string {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  const rest = Number(nanoseconds % 1_000_000_000n);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const text = `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (rest === 0) return text;
  return `${text}.${rest % 1000 === 0 ? String(rest / 1000).padStart(6, '0') : String(rest).padStart(9, '0')}`;
}

/** Seconds east of UTC at an instant (milliseconds). */
function offsetOf(zone: string, instant: number): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? [];
  if (sign !== undefined) return (sign === '-' ? -60 : 60) * (60 * Number(hours) + Number(minutes));
  if (zone === 'UTC') return 0;
  const fields = Object.fromEntries(
    formatOf(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  ) as Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>;
  const local = new Date(0);
  local.setUTCFullYear(fields.year, fields.month - 1, fields.day);
  local.setUTCHours(fields.hour, fields.minute, fields.second);
  return local.getTime() / 1000 - Math.floor(instant / 1000);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const numeric = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-u-ca-iso8601', {
      ...numeric,
      second: 'numeric',
      hourCycle: 'h23',
      timeZone: zone,
    });
    formats.set(zone, format);
  }
  return format;
}

function offsetText(offset: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const size = Math.abs(offset);
  const seconds = size % 60;
  const text = `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 3600))}:${two(Math.floor(size / 60) % 60)}`;
  return seconds === 0 ? text : `${text}:${two(seconds)}`;
}

/** 1.5e-3 as 0.0015; JavaScript writes an exponent only below 1e-6, Python below 1e-4, so both write these equally. */
function plainFraction(mantissa: string, exponent: number): string {
  const negative = mantissa.startsWith('-');
  const digits = mantissa.replace(/[-.]/g, '');
  return `${negative ? '-' : ''}0.${'0'.repeat(-exponent - 1)}${digits}`;
}
