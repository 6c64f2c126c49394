/** Converts the stored values of a Parquet column: text, integers, floats, booleans; times and decimals as Python prints them. */

import type { SchemaElement } from 'hyparquet/src/types.js';
import { dateText, decimalText, type TimeDigits, timestampText, timeText } from '../../python';
import { bigEndian, bytesOrText, Damage, halfFloat, Unsupported, utf8, uuidText } from './binary';
import type { Physical } from './parquet-pages';

/** The column's type in the Arrow schema of the file, where Parquet's is less specific. */
export interface ArrowHint {
  /** Time zone of timestamps; null without one. */
  readonly zone: string | null;
  readonly isDuration: boolean;
}

/** @throws Unsupported for types that are not read */
export function converterOf(
  name: string,
  element: SchemaElement,
  hint: ArrowHint | null,
): (value: Physical) => unknown {
  const { type, converted_type: converted, logical_type: logical } = element;
  const kind = logical?.type ?? converted;
  const unsupported = (what: string): Unsupported => new Unsupported(`column ${JSON.stringify(name)} holds ${what}`);
  if (hint?.isDuration) throw unsupported('durations, which pandas and datasets print differently; write them as text');
  if (kind === 'DECIMAL') return decimals(element);
  switch (type) {
    case 'BOOLEAN':
    case 'FLOAT':
    case 'DOUBLE':
      return (value) => value;
    case 'INT32':
    case 'INT64': {
      if (kind === 'DATE') return (value) => dateText(Number(value));
      const time = timeOf(element);
      if (time?.isTimestamp) {
        const zone = hint === null ? (time.utc ? 'UTC' : null) : hint.zone;
        return (value) => timestampText(BigInt(value as number), time.digits, zone);
      }
      if (time !== null) return (value) => timeText(BigInt(value as number), time.digits);
      const bits = type === 'INT32' ? 32 : 64;
      const signed = logical?.type === 'INTEGER' ? logical.isSigned : !String(converted).startsWith('UINT');
      return signed ? (value) => BigInt(value as number) : (value) => BigInt.asUintN(bits, BigInt(value as number));
    }
    case 'INT96':
      return (value) => timestampText(int96(value as Uint8Array), 9, null);
    case 'BYTE_ARRAY':
      if (kind === 'BSON' || kind === 'VARIANT' || kind === 'GEOMETRY' || kind === 'GEOGRAPHY') {
        throw unsupported(`${kind} values, which are not read here`);
      }
      if (kind === 'UTF8' || kind === 'STRING' || kind === 'ENUM' || kind === 'JSON') {
        return (value) => utf8(value as Uint8Array);
      }
      return (value) => bytesOrText(value as Uint8Array);
    case 'FIXED_LEN_BYTE_ARRAY':
      if (kind === 'FLOAT16') return (value) => halfFloat(value as Uint8Array);
      if (kind === 'UUID') return (value) => uuidText(value as Uint8Array);
      if (kind === 'INTERVAL') throw unsupported('intervals, which are not read here');
      return (value) => bytesOrText(value as Uint8Array);
    default:
      throw unsupported('values of an unknown type');
  }
}

// --- internal ---

function decimals({ scale = 0, logical_type: logical }: SchemaElement): (value: Physical) => string {
  const digits = logical?.type === 'DECIMAL' ? (logical.scale ?? scale) : scale;
  if (Math.abs(digits) > 1000) throw new Damage('a decimal with a scale that makes no sense');
  return (value) => decimalText(value instanceof Uint8Array ? bigEndian(value) : BigInt(value), digits);
}

const DIGITS: Readonly<Record<string, TimeDigits>> = { MILLIS: 3, MICROS: 6, NANOS: 9 };

function timeOf({ converted_type: converted, logical_type: logical }: SchemaElement) {
  if (logical?.type === 'TIMESTAMP' || logical?.type === 'TIME') {
    const digits = DIGITS[logical.unit];
    if (digits === undefined) throw new Damage('a time without its unit');
    return { isTimestamp: logical.type === 'TIMESTAMP', digits, utc: logical.isAdjustedToUTC };
  }
  const [, what, unit] = /^(TIMESTAMP|TIME)_(MILLIS|MICROS)$/.exec(String(converted)) ?? [];
  return unit === undefined ? null : { isTimestamp: what === 'TIMESTAMP', digits: DIGITS[unit]!, utc: true };
}

/** Nanoseconds of the day, then the Julian day: how Impala and old Spark store a time. @returns nanoseconds since 1970 */
function int96(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const days = BigInt(view.getInt32(8, true)) - 2_440_588n;
  return days * 86_400_000_000_000n + view.getBigInt64(0, true);
}
