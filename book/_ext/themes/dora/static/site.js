// The switches for theme and room mode, a copy button on each code cell, the place in the page's contents, and folded cells in print.
const root = document.documentElement;

/** The theme is kept; theme.js reads it before the next page is drawn. */
function themeSwitch() {
  const button = document.querySelector("button.theme");
  const show = () => button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("dora-theme", root.dataset.theme); } catch { /* storage is off */ }
    show();
  });
  show();
}

/** Room mode has a script and a style sheet of its own, which come when it is asked for: by the button, or by ?room in the address. */
function roomSwitch() {
  const button = document.querySelector("button.room"), beside = document.querySelector('script[src*="site.js"]').src;
  const part = (tag, attributes) => document.head.append(Object.assign(document.createElement(tag), attributes));
  const enter = () => {
    button.setAttribute("aria-pressed", "true");
    if (window.bigScreen) return window.bigScreen.enter();
    const off = () => { root.dataset.room = "off"; };
    const begin = () => part("script", { src: beside.replace("site.js", "room.js"), onerror: off });
    part("link", { rel: "stylesheet", href: beside.replace("site.js", "room.css"), onload: begin, onerror: off });
  };
  button.hidden = false;
  button.addEventListener("click", enter);
  if (root.dataset.room === "coming") enter();
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

/** What an address leads to; nothing where its signs cannot be read. */
function named(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

/** Where one is: the section in each of the page's contents, and how much of the text has been passed. */
function pageContents() {
  const links = [...document.querySelectorAll(".toc a")], target = (link) => named(link.hash);
  const parts = [...new Set(links.map(target))].map((id) => document.getElementById(id)).filter(Boolean);
  if (!parts.length) return;
  const text = document.querySelector("article"), passed = document.querySelector(".read"), beside = document.querySelector(".page-nav");
  let here = null, waiting = 0;
  const mark = () => {
    waiting = 0;
    const { top, height } = text.getBoundingClientRect(), room = height - innerHeight;
    passed.style.scale = `${room > 0 ? Math.min(1, Math.max(0, -top / room)) : 0} 1`;
    const part = parts.filter((one) => one.checkVisibility() && one.getBoundingClientRect().top < 120).at(-1) ?? parts[0];
    if (part === here) return;
    here = part;
    for (const link of links) target(link) === here.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    const now = beside.querySelector("[aria-current]"), low = now.offsetTop - beside.clientHeight / 2;
    if (Math.abs(low - beside.scrollTop) > beside.clientHeight / 3) beside.scrollTop = low;
  };
  addEventListener("scroll", () => { waiting ||= requestAnimationFrame(mark); }, { passive: true });
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
  document.getElementById("book-contents").addEventListener("click", (event) => {
    if (event.target.closest(".toc a")) event.currentTarget.hidePopover?.();
  });
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
    const id = named(location.hash).split(/[=&]/)[0];
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

themeSwitch();
copyButtons();
pageContents();
scrollers();
printing();
unfolding();
roomSwitch();
