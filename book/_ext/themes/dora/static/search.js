// Sphinx looks words up in plain objects, where "constructor" is found on every page as a function. Here only the words are found.
const words = { __proto__: null, hasOwnProperty: Object.prototype.hasOwnProperty };
const setIndex = Search.setIndex;
Search.setIndex = (index) => {
  for (const table of [index.terms, index.titleterms]) Object.setPrototypeOf(table, words);
  setIndex(index);
};
