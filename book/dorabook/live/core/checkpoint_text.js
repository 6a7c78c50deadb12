// Names and shapes from a checkpoint as readers see them, written the same way in Python.

const LONGEST = 120; // characters of a name that are shown

// What would break a line, or turn the text after it around: controls, line and paragraph ends, marks of direction.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A tensor's name: cut when it is long, with "?" for characters that are not seen themselves. */
export function clipped(name) {
  const letters = [...name.slice(0, 2 * LONGEST + 2)];
  const cut = letters.length > LONGEST;
  return letters.slice(0, LONGEST).join("").replace(UNSEEN, "?") + (cut ? "\u2026" : "");
}

/** A list of sides as Python writes a tuple: (), (5,), (1, 576). */
export function shaped(sides) {
  return sides.length === 1 ? `(${sides[0]},)` : `(${sides.join(", ")})`;
}
