/** Values as Python writes them: what `str()`, an f-string and Jinja make of a number in the papers' scripts. */

/** `repr` of a float: shortest digits that round-trip, `.0` behind whole numbers, an exponent below 1e-4 and from 1e16. */
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

// --- internal ---

/** 1.5e-3 as 0.0015; JavaScript writes an exponent only below 1e-6, Python below 1e-4, so both write these alike. */
function plainFraction(mantissa: string, exponent: number): string {
  const negative = mantissa.startsWith('-');
  const digits = mantissa.replace(/[-.]/g, '');
  return `${negative ? '-' : ''}0.${'0'.repeat(-exponent - 1)}${digits}`;
}
