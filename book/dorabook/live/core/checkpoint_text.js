// Names and shapes from a checkpoint as readers see them, written the same way in Python.

const LONGEST = 120; // characters of a name that are shown

/** A tensor's name: cut when it is long, with "?" for control characters. */
export function clipped(name) {
  const letters = [...name.slice(0, 2 * LONGEST + 2)];
  const cut = letters.length > LONGEST;
  return letters.slice(0, LONGEST).join("").replace(/[\u0000-\u001f\u007f-\u009f]/g, "?") + (cut ? "\u2026" : "");
}

/** A list of sides as Python writes a tuple: (), (5,), (1, 576). */
export function shaped(sides) {
  return sides.length === 1 ? `(${sides[0]},)` : `(${sides.join(", ")})`;
}
