// Sphinx looks words up in plain objects, where "constructor" is found on every page as a function. Here only the words are found.
const words = { __proto__: null, hasOwnProperty: Object.prototype.hasOwnProperty };
const { setIndex, performSearch } = Search;
Search.setIndex = (index) => {
  for (const table of [index.terms, index.titleterms]) Object.setPrototypeOf(table, words);
  setIndex(index);
};

// A word becomes a regular expression, and one of thousands of letters is none.
Search.performSearch = (query) => performSearch(query.replace(/\S{100,}/g, (word) => word.slice(0, 100)));

// Where the browser keeps nothing, Sphinx's scripts would stop at the first look: they find nothing kept.
try {
  localStorage.getItem("");
} catch {
  Object.defineProperty(window, "localStorage", { value: { getItem: () => null, setItem() {}, removeItem() {} } });
}
