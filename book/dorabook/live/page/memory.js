// What a reader has answered, kept in this browser and nowhere else: one entry a figure, named by its page and id.
// Where the browser keeps nothing, nothing is kept, without a word.

const PREFIX = "dora-answer:";

function name(id) {
  return `${PREFIX}${location.pathname}#${id}`;
}

function ours() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

export function recall(id) {
  try {
    return localStorage.getItem(name(id));
  } catch {
    return null;
  }
}

/** text: what is kept, or null for nothing. */
export function keep(id, text) {
  try {
    if (text === null) localStorage.removeItem(name(id));
    else localStorage.setItem(name(id), text);
  } catch {
    // storage is off or full
  }
}

/** Of every page of the book. */
export function forget() {
  ours().forEach((key) => localStorage.removeItem(key));
}

export function any() {
  return ours().length > 0;
}
