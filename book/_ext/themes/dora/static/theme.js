// Before the page is drawn: the reader's theme, else the system's (without a script the page is light); and large type, if the reader has chosen it.
document.documentElement.dataset.theme = (() => {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is off */ }
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
})();
document.documentElement.dataset.type = (() => {
  try { return localStorage.getItem("type") === "large" ? "large" : "normal"; } catch { return "normal"; }
})();
