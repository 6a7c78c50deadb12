// Numbers as readers see them, written the same way by dorabook/text.py: a test compares the two.

const DECIMALS = [[100, 0], [10, 1], [1, 2], [0.1, 3], [0.01, 4], [0.001, 5]];

/** Three significant digits, without trailing zeros: 5, 1.37, 0.0246, and at most six decimals. */
export function number(value) {
  const size = Math.abs(settled(value));
  return fixed(value, (DECIMALS.find(([least]) => size >= least) ?? [0, 6])[1]);
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
