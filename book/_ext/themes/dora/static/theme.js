// Before the page is drawn: the reader's theme, else the system's (without a script the page is light); and whether the page is for a room.
// A name of its own for each, since other books may be read at the same address.
(() => {
  const chosen = (name, words) => {
    try { return words.find((word) => word === localStorage.getItem(`dora-${name}`)); } catch { return undefined; /* storage is off */ }
  };
  const page = document.documentElement.dataset;
  page.theme = chosen("theme", ["light", "dark"]) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  page.room = new URLSearchParams(location.search).has("room") ? "coming" : "off";
})();
