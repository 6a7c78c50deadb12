// Numbers as readers see them, written the same way by dorabook/text.py: a test compares the two.

const DECIMALS = [[100, 0], [10, 1], [1, 2], [0.1, 3], [0.01, 4], [0.001, 5]];

/** Three significant digits, without trailing zeros: 5, 1.37, 0.0246, and at most six decimals. */
export function number(value) {
  const size = Math.abs(settled(value));
  return fixed(value, (DECIMALS.find(([least]) => size >= least) ?? [0, 6])[1]);
}

/**
 * A norm, or what else a cell prints with three decimals: 2.236, 0.484, 12.35. Zeros at the end go only where nothing is left
 * out, so that "1" is 1 exactly and 1.0002 is "1.000". known: is the value exact, or has a page kept four digits of it?
 */
export function measured(value, known = true) {
  if (value === 0) return "0";
  const size = Math.abs(settled(value)), decimals = size >= 1 ? 3 : 0;
  const digits = Math.max(decimals - (size >= 100) - (size >= 10), (DECIMALS.find(([least]) => size >= least) ?? [0, 6])[1]);
  const text = settled(value).toFixed(digits);
  return known && Math.abs(Number(text) - value) <= 1e-9 * size ? fixed(value, digits) : text.replace("-", "\u2212");
}

/** At most `digits` decimals and a true minus sign. */
export function fixed(value, digits) {
  let text = settled(value).toFixed(digits);
  if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return text === "-0" ? "0" : text.replace("-", "\u2212");
}

export function shape(rows, columns) {
  return `(${rows}, ${columns})`;
}

/** 1 output, 4 outputs, 1,024 outputs. */
export function plural(count, noun) {
  const digits = String(count).replace(/\B(?=(\d{3})+$)/g, ",");
  return count === 1 ? `${digits} ${noun}` : `${digits} ${noun}s`;
}

/** `value` to twelve digits: those do not depend on the order of a sum, so both languages round the same number. */
export function settled(value) {
  return Number(value.toPrecision(12));
}
