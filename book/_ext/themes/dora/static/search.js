// Sphinx looks words up in plain objects, where "constructor" is found on every page as a function. Here only the words are found.
const words = { __proto__: null, hasOwnProperty: Object.prototype.hasOwnProperty };
const { setIndex, performSearch } = Search;
Search.setIndex = (index) => {
  for (const table of [index.terms, index.titleterms]) Object.setPrototypeOf(table, words);
  setIndex(index);
};

// A word becomes a regular expression, and one of thousands of letters is none.
Search.performSearch = (query) => performSearch(query.replace(/\S{100,}/g, (word) => word.slice(0, 100)));

// Sphinx's scripts keep what was searched for under a name that all its books at one address share, and stop where the browser keeps
// nothing or no more. On this page what has a name of this book's is kept where that can be, and nothing else is.
const kept = (() => { try { return window.localStorage; } catch { return null; } })();
const ours = (key) => kept !== null && key.startsWith("dora-");
Object.defineProperty(window, "localStorage", { value: {
  getItem: (key) => (ours(key) ? kept.getItem(key) : null),
  setItem: (key, value) => { if (ours(key)) kept.setItem(key, value); },
  removeItem: (key) => { if (ours(key)) kept.removeItem(key); },
} });
