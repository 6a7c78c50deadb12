// The switches for theme and large type, a copy button on each code cell, the place in the page's contents, and folded cells in print.
const root = document.documentElement;

/** A button that turns an attribute of the page from one word to the other, and keeps it; theme.js reads it before the page is drawn. */
function pageSwitch(name, off, on) {
  const button = document.querySelector(`button.${name}`);
  const show = () => button.setAttribute("aria-pressed", String(root.dataset[name] === on));
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset[name] = root.dataset[name] === on ? off : on;
    try { localStorage.setItem(name, root.dataset[name]); } catch { /* storage is off */ }
    show();
    dispatchEvent(new Event("resize")); // what is too wide may be so no longer
  });
  show();
}

function copyButtons() {
  if (!navigator.clipboard) return;
  for (const pre of document.querySelectorAll(".cell_input pre, article > section div.highlight pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.innerText);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    pre.parentElement.append(button);
  }
}

function pageContents() {
  const links = new Map([...document.querySelectorAll(".page-nav a")].map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  const parts = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  if (!parts.length) return;
  const mark = () => {
    const here = parts.filter((part) => part.getBoundingClientRect().top < 120).at(-1) ?? parts[0];
    links.forEach((link, id) => { id === here.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"); });
  };
  addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
  mark();
}

/** What is too wide scrolls inside itself, by keyboard too, and fades on the side where there is more. */
function scrollers() {
  const all = document.querySelectorAll("article :is(pre, .pst-scrollable-table-container, .formula, .picture)");
  const more = (one) => one.toggleAttribute("data-more", one.scrollWidth - one.clientWidth - one.scrollLeft > 1);
  const mark = () => all.forEach((one) => {
    one.scrollWidth > one.clientWidth ? (one.tabIndex = 0) : one.removeAttribute("tabindex");
    more(one);
  });
  all.forEach((one) => one.addEventListener("scroll", () => more(one), { passive: true }));
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
  document.addEventListener("load", mark, true); // a picture that has come
  document.fonts?.ready.then(mark);
  mark();
}

/** Paper is white, and nothing on it can be unfolded. */
function printing() {
  let theme = root.dataset.theme;
  const folds = () => document.querySelectorAll("article details:not([open], .dora *)");
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    folds().forEach((fold) => { fold.dataset.printed = ""; fold.open = true; });
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    document.querySelectorAll("details[data-printed]").forEach((fold) => { delete fold.dataset.printed; fold.open = false; });
  });
}

/** An address that leads to something folded, or to a section that is closed, opens it. */
function unfolding() {
  const open = () => {
    const id = decodeURIComponent(location.hash.slice(1)).split("=")[0];
    const target = id && document.getElementById(id);
    if (!target) return;
    const folds = [target.closest(".go-deeper")?.querySelector("details")];
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
    const closed = folds.filter((fold) => fold && !fold.open);
    closed.forEach((fold) => { fold.open = true; });
    if (closed.length) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", ({ target }) => { // the same address again
    if (target.closest?.("a")?.hash && target.closest("a").href === location.href) open();
  });
  open();
}

pageSwitch("theme", "light", "dark");
pageSwitch("type", "normal", "large");
copyButtons();
pageContents();
scrollers();
printing();
unfolding();
