// Before the page is drawn: the reader's theme, else the system's.
document.documentElement.dataset.theme = (() => {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is off */ }
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
})();
