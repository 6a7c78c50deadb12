// Room mode: one thing of a page alone on the screen, whole, with letters that the last row reads. A page in room mode has `room` in
// its address, page.html?room#norms=per:input; site.js and theme.js load this. From a run sheet "next" follows the sheet's order:
// the sheet, which opened this window, is asked. The deck uses `bigScreen` for the figures on its slides.
(() => {
"use strict";

const SMALLEST = 20; // px, of a letter on the screen
const LARGEST = 3; // times its own size; a figure is drawn for a column of text
const STEP = 0.02;
const SCREEN = 960; // px: what is narrower is no projector, and figures stand there as on a page

// ---- a figure on a big screen

/** How many times smaller letters stand in `node` than they may on a screen: as the figure is drawn, at no zoom. */
function least(node) {
  let smallest = SMALLEST;
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const box = text.parentElement;
    if (!text.data.trim() || !box.checkVisibility() || hidden(box) || box.closest(".dora-kn-dial")) continue; // a knob is sized a frame later
    const drawn = box.ownerSVGElement ? box.getScreenCTM().a / (node.currentCSSZoom ?? 1) : 1;
    smallest = Math.min(smallest, parseFloat(getComputedStyle(box).fontSize) * drawn);
  }
  return SMALLEST / smallest;
}

/** For a screen reader alone: one pixel, or clipped away. */
function hidden(box) {
  const { width, height } = box.getBoundingClientRect();
  return width <= 2 || height <= 2;
}

/**
 * The largest zoom up to `most`, in steps, at which all of `content` is seen in `box`, found by halving, since each try is a layout.
 * It is never so small that letters fall under SMALLEST: what does not fit then scrolls.
 */
function fit(box, content, most = LARGEST) {
  const set = (zoom) => box.style.setProperty("--figure", zoom.toFixed(2));
  const fits = (zoom) => {
    set(zoom);
    return box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1;
  };
  set(1);
  let low = Math.ceil((innerWidth < SCREEN ? 1 : least(content)) / STEP), high = Math.max(low, Math.floor(most / STEP));
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle * STEP)) low = middle;
    else high = middle - 1;
  }
  set(low * STEP);
  return low * STEP;
}

/** A question's right option says why when it is told, and the room for that is kept from the start. */
function markRight(figure) {
  if (figure.dataset.figure !== "predict") return;
  const { right } = JSON.parse(figure.querySelector("script").textContent).state;
  figure.querySelectorAll(".dora-predict-row")[right]?.setAttribute("data-right", "");
}

/** Keys go to the figure from the start: a question counts the letters that are typed, any other has its first control in focus. */
function focusFirst(figure) {
  const view = figure.querySelector(".dora-predict");
  if (view) view.tabIndex = -1;
  (view ?? figure.querySelector(".dora-kn-dial:not(.dora-kn-away) > input, .dora-mount :is(input, button)"))?.focus({ preventScroll: true });
}

/** A letter that is typed anywhere goes to the question. Was there one to take it? */
function typed(event, figure) {
  const view = figure?.querySelector('.dora-predict:not([data-room="off"])');
  if (!view || view.contains(event.target) || !/^[a-e]$/i.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return false;
  view.dispatchEvent(new KeyboardEvent("keydown", { key: event.key, shiftKey: event.shiftKey, cancelable: true }));
  return true;
}

window.bigScreen = { fit, focusFirst, markRight, typed };
if (document.body.classList.contains("deck")) return;

// ---- one thing alone

const root = document.documentElement;
const bar = buildBar();
let shown = null;

function buildBar() {
  const nav = document.createElement("nav");
  nav.className = "room-bar";
  nav.popover = "manual";
  nav.setAttribute("aria-label", "Room mode");
  const add = (text, act, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    nav.append(button);
    return button;
  };
  add("‹", () => turn(-1), "Back");
  add("›", () => turn(1), "Next");
  const place = document.createElement("span");
  nav.append(place);
  add("Leave room mode", leave);
  document.body.append(nav);
  return { nav, place };
}

function named(hash) {
  try {
    return decodeURIComponent(hash.slice(1)).split(/[=&]/)[0];
  } catch {
    return "";
  }
}

const FIGURE = 'figure[data-figure]:not([data-figure="field-matrix"])'; // that one is a table to look things up in

/** What of this page a room sees one after the other. */
function stations() {
  const figures = [...document.querySelectorAll(`article ${FIGURE}`)];
  return figures.length ? figures : [document.querySelector("article")];
}

/** What the address leads to: a figure, else a section; without one, the figure that is nearest. */
function asked() {
  const node = document.getElementById(named(location.hash));
  if (node?.closest("article")) return node.closest(FIGURE) ?? node.closest("section") ?? node;
  const far = (one) => Math.abs((one.closest("details:not([open])") ?? one).getBoundingClientRect().top - 80);
  return stations().reduce((best, one) => (far(one) < far(best) ? one : best));
}

function show(node) {
  if (node === shown) return refit();
  putBack();
  shown = node;
  for (let fold = node.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  node.classList.add("big", "alone");
  node.popover = "manual";
  node.showPopover();
  bar.nav.showPopover();
  for (let one = node; one !== document.body; one = one.parentElement) {
    for (const other of one.parentElement.children) if (other !== one && other !== bar.nav) other.inert = true;
  }
  const all = stations(), at = all.indexOf(node);
  bar.place.textContent = at < 0 || driven() ? "" : `${at + 1} / ${all.length}`;
  root.dataset.room = "on";
  watch.observe(node, { attributes: true, attributeFilter: ["data-ready"] });
  refit(true);
}

function putBack() {
  if (!shown) return;
  watch.disconnect();
  grown.disconnect();
  shown.hidePopover();
  shown.removeAttribute("popover");
  shown.removeAttribute("tabindex");
  shown.classList.remove("big", "alone");
  shown.style.removeProperty("--figure");
  document.querySelectorAll("[inert]").forEach((one) => { one.inert = false; });
  shown = null;
}

// A figure that has come alive, or that says more than before, is measured again.
const watch = new MutationObserver(() => refit(true));
const grown = new ResizeObserver(() => {
  if (shown && shown.scrollHeight > shown.clientHeight + 1) refit();
});

function refit(fresh = false) {
  if (!shown) return;
  const content = shown.querySelector(":scope > .dora-mount > .dora");
  if (content) {
    markRight(shown);
    shown.classList.add("measured");
    fit(shown, content);
    shown.classList.remove("measured");
    grown.observe(content);
    if (fresh) content.querySelector(".dora-predict[data-room=off]")?.closest(".dora").querySelector(".dora-predict-ask").click();
    if (fresh || !shown.contains(document.activeElement)) focusFirst(shown);
  }
  shown.scrollHeight > shown.clientHeight + 1 ? (shown.tabIndex = 0) : shown.removeAttribute("tabindex");
  if (!content && !shown.contains(document.activeElement)) shown.focus({ preventScroll: true }); // words: keys move them
}

// ---- on, back and out

/** Was this window opened by a run sheet? */
function driven() {
  return Boolean(window.opener && !window.opener.closed);
}

function turn(by) {
  const to = location.protocol === "file:" ? "*" : location.origin; // from disk no page has an origin that a message could name
  if (driven()) return window.opener.postMessage({ room: "turn", by }, to);
  const all = stations(), at = all.indexOf(shown);
  const next = all[at < 0 ? 0 : at + by];
  if (next?.id) location.hash = `#${next.id}`;
}

function leave() {
  const last = shown;
  putBack();
  bar.nav.hidePopover();
  root.dataset.room = "off";
  try {
    history.replaceState(null, "", `${location.pathname}${location.hash}`);
  } catch {
    // a page from disk may refuse
  }
  last?.scrollIntoView({ block: "center" });
  document.querySelector("button.room")?.setAttribute("aria-pressed", "false");
  document.querySelector("button.room")?.focus({ preventScroll: true });
}

/** Page down and Page up are a clicker's, N and P for who is not typing, the arrows for who is in no control. */
function keys(event) {
  if (root.dataset.room !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (window.bigScreen.typed(event, shown)) return;
  const within = (what) => event.target.closest?.(what);
  const typing = within("input:not([type=range], [type=radio], [type=checkbox]), select, textarea");
  const control = typing || within("input, summary, [role=slider], figure:not([data-figure=predict])");
  const by = { PageDown: 1, PageUp: -1, ...(typing ? {} : { n: 1, p: -1 }), ...(control ? {} : { ArrowRight: 1, ArrowLeft: -1 }) }[event.key];
  if (by) turn(by);
  else if (event.key === "Escape" && document.activeElement !== document.body) document.activeElement.blur();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function enter() {
  try {
    const { pathname, hash } = location;
    history.replaceState(null, "", `${pathname}?room${hash}`);
  } catch {
    // a page from disk may refuse
  }
  show(asked());
}

document.addEventListener("keydown", keys, true);
window.addEventListener("hashchange", () => { if (shown) show(asked()); });
window.addEventListener("resize", () => refit());
document.fonts.ready.then(() => refit());
window.bigScreen.enter = enter;
enter();
})();
