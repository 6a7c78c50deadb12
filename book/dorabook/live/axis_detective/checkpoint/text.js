// Names and shapes from a checkpoint as readers see them, written the same way in Python.

const LONGEST = 120; // characters of a name that are shown

// What breaks a line, turns the text after it around, or is half a character: controls, marks of direction, lone surrogates.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;

/** The name of a file or a tensor, which may be anything: cut when it is long, with "?" for characters that are not seen themselves. */
export function clipped(name) {
  const letters = [...name.slice(0, 2 * LONGEST + 2)];
  const cut = letters.length > LONGEST;
  return letters.slice(0, LONGEST).join("").replace(UNSEEN, "?") + (cut ? "\u2026" : "");
}

/** Whether a text has so many letters at most, of which one outside the first plane is two of a string's units. */
export const within = (text, most) => text.length <= most || (text.length <= 2 * most && [...text].length <= most);

/** A list of sides as Python writes a tuple: (), (5,), (1, 576). */
export function shaped(sides) {
  return sides.length === 1 ? `(${sides[0]},)` : `(${sides.join(", ")})`;
}
