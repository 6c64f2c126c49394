/** A pinned date in Python's `strftime` (the C locale). */
import { TemplateError } from './errors';

const FORM = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?$/;

/** Whether `text` is a date that exists, with a time of day or without. */
export function isDate(text: string): boolean {
  const found = FORM.exec(text);
  if (found === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
}

/**
 * @param now as {@link isDate} has it
 * @throws TemplateError for a directive that depends on the machine or is not supported
 */
export function strftime(format: string, now: string): string {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (FORM.exec(now) ?? [])
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(Date.UTC(year, month - 1, day));
  const dayOfYear = Math.round((date.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
  const numbers: Readonly<Record<string, readonly [number, number]>> = {
    Y: [year, 4],
    y: [year % 100, 2],
    m: [month, 2],
    d: [day, 2],
    H: [hour, 2],
    I: [hour % 12 || 12, 2],
    M: [minute, 2],
    S: [second, 2],
    j: [dayOfYear, 3],
    f: [0, 6],
    w: [date.getUTCDay(), 1],
    u: [date.getUTCDay() || 7, 1],
  };
  const weekday = DAYS[date.getUTCDay()]!;
  const monthName = MONTHS[month - 1]!;
  const texts: Readonly<Record<string, string>> = {
    A: weekday,
    a: weekday.slice(0, 3),
    B: monthName,
    b: monthName.slice(0, 3),
    h: monthName.slice(0, 3),
    p: hour < 12 ? 'AM' : 'PM',
    Z: '',
    z: '',
    n: '\n',
    t: '\t',
    '%': '%',
  };
  const one = (whole: string, unpadded: string, letter: string): string => {
    const number = Object.hasOwn(numbers, letter) ? numbers[letter]! : null;
    if (number !== null) return unpadded === '-' ? String(number[0]) : String(number[0]).padStart(number[1], '0');
    const long = LONG.get(letter);
    if (unpadded === '' && long !== undefined) return long.replace(/%(-?)([\s\S]?)/g, one);
    if (unpadded === '' && letter === 'e') return String(day).padStart(2);
    if (unpadded === '' && Object.hasOwn(texts, letter)) return texts[letter]!;
    throw new TemplateError(`strftime_now with ${JSON.stringify(whole)} is not supported`);
  };
  return format.replace(/%(-?)([\s\S]?)/g, one);
}

// --- internal ---

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');

const LONG = new Map([
  ['F', '%Y-%m-%d'],
  ['T', '%H:%M:%S'],
  ['R', '%H:%M'],
  ['D', '%m/%d/%y'],
  ['x', '%m/%d/%y'],
  ['X', '%H:%M:%S'],
  ['c', '%a %b %e %H:%M:%S %Y'],
]);
