// Which numbers survive being read into a double and written out again (RFC 8259 §6, RFC 7493 §2.2).

/** `value` as a double that JSON can carry without loss: finite, no negative zero, integers up to ±(2^53 − 1). */
export function isExactNumber(value: number): boolean {
  return Number.isInteger(value)
    ? Number.isSafeInteger(value) && !Object.is(value, -0)
    : Number.isFinite(value);
}

/**
 * Whether a JSON number keeps its decimal value when it is read and written again: `1.0` and `1e2` do, `9007199254740993`,
 * `0.1000000000000000001`, `1e400`, `1e-400` and `-0` do not. `source` is a valid JSON number. Linear in its length.
 */
export function isExactNumberText(source: string): boolean {
  const value = Number(source);
  if (!isExactNumber(value)) return false;
  const written = String(value);
  return written === source || isSameDecimal(source, written);
}

function isSameDecimal(a: string, b: string): boolean {
  const [left, right] = [decimalOf(a), decimalOf(b)];
  return (
    left.isNegative === right.isNegative &&
    left.digits === right.digits &&
    left.exponent === right.exponent
  );
}

/** ±0.digits × 10^exponent, without zeros at either end; no digits for 0. */
interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

function decimalOf(text: string): Decimal {
  const isNegative = text.startsWith("-");
  const e = text.search(/[eE]/);
  const mantissa = text.slice(isNegative ? 1 : 0, e === -1 ? text.length : e);
  const point = mantissa.indexOf(".");
  const digits = mantissa.replace(".", "");
  let first = 0;
  while (digits[first] === "0") first++;
  let last = digits.length;
  while (last > first && digits[last - 1] === "0") last--;
  if (first === last) return { isNegative, digits: "", exponent: 0 };
  const wholeDigits = point === -1 ? mantissa.length : point;
  const exponent = wholeDigits - first + (e === -1 ? 0 : Number(text.slice(e + 1)));
  return { isNegative, digits: digits.slice(first, last), exponent };
}
