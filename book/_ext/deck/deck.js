// The deck: reveal.js turns the slides. This adds the address, the size of figures, notes, and the speaker's window.
(() => {
"use strict";

const root = document.documentElement;
const slides = [...document.querySelectorAll(".slides > section")];
const titles = slides.map((slide) => slide.querySelector("h1, h2").textContent);
const notes = slides.map((slide) => slide.querySelector("aside.notes"));
const minutes = notes.map((aside) => Number(aside.dataset.minutes ?? 0));
const one = (selector) => document.querySelector(selector);
const MOST = 1.6; // how much a figure is enlarged at most, at 1280 × 720
let speaker = null; // its window
const fromDisk = location.protocol === "file:"; // where no page has an origin that a message could name
const to = fromDisk ? "*" : location.origin;

if (new URLSearchParams(location.search).has("speaker")) speakerWindow();
else deck();

function notesOf(index) {
  return [...notes[index].children].map((child) => child.cloneNode(true));
}

// ---- the deck

function deck() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (location.search) history.replaceState(null, "", location.pathname + location.hash); // reveal.js takes every option from there
  for (const figure of document.querySelectorAll("figure[data-figure]")) figure.dataset.preventSwipe = "";
  Reveal.initialize({
    controls: false, progress: true, center: false, disableLayout: true, overview: false, jumpToSlide: false, help: false,
    postMessage: false, respondToHashChanges: false, transition: calm ? "none" : "fade", transitionSpeed: "fast",
    viewDistance: slides.length + 1, mobileViewDistance: slides.length + 1, // every figure is alive before its slide comes
    keyboardCondition: (event) => turns(event),
    keyboard: { 66: null, 190: null, 191: null }, // B and the full stop would black the screen in the middle of a vote
  }).then(() => {
    one(".reveal").removeAttribute("role"); // "application" would take a screen reader's own keys away
    open();
    window.addEventListener("hashchange", open);
    Reveal.on("slidechanged", follow);
    Reveal.on("slidechanged", show);
    Reveal.on("fragmentshown", ({ fragments }) => fragments.forEach((fragment) => reveal(fragment, "votes")));
    Reveal.on("fragmenthidden", ({ fragments }) => fragments.forEach((fragment) => reveal(fragment, "answer")));
    document.addEventListener("keydown", fromPopover, true);
    document.addEventListener("keydown", fromFigure, true);
    document.addEventListener("keydown", help, true);
    Reveal.on("slidechanged", enter);
    enter();
    document.addEventListener("click", again);
    bar();
    sizes();
    paper();
    show();
    root.dataset.deck = "ready";
  });
}

/** Which keys turn slides: none that the control in focus needs. */
function turns({ target, key }) {
  const control = target.closest?.("figure, summary, a, button, [popover]:popover-open");
  if (!control) return true;
  return control.matches("a, button, summary") && !control.closest("figure, [popover]") && key !== " " && key !== "Enter";
}

/** Escape closes the list and the keys: reveal.js would take it for itself. */
function fromPopover(event) {
  if (event.key === "Escape" && one("[popover]:popover-open")) event.stopPropagation();
}

/** In a figure all keys are the figure's, but for those of a clicker and the one that leads out. A question needs no arrows. */
function fromFigure(event) {
  const figure = event.target.closest?.("figure");
  if (!figure) return;
  const on = () => Reveal.next(), back = () => Reveal.prev();
  const act = { PageDown: on, PageUp: back, Escape: () => document.activeElement.blur(),
    ...(figure.dataset.figure === "predict" && { ArrowRight: on, ArrowLeft: back }) }[event.key];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

/** Letters count on a question's slide, wherever the focus is; a question mark shows the keys. */
function help(event) {
  if (bigScreen.typed(event, Reveal.getCurrentSlide().querySelector("figure"))) event.stopPropagation();
  if (event.key === "?" && !event.target.closest?.("input")) one("#deck-keys").showPopover();
}

/** A question's slide begins with the keys in the question. */
function enter() {
  const question = Reveal.getCurrentSlide().querySelector("figure[data-figure=predict]");
  if (question) bigScreen.focusFirst(question);
  else if (document.activeElement?.closest("figure")) document.activeElement.blur();
}

/** The slide that an address asks for: by its own name, or by a figure and its state, #hero=per:input. */
function asked() {
  const name = location.hash.slice(1).split(/[=&]/)[0];
  const node = name ? document.getElementById(name) : null;
  return slides.indexOf(node?.closest(".slides > section"));
}

function open() {
  const index = asked();
  if (index >= 0 && index !== Reveal.getIndices().h) Reveal.slide(index);
  one("#deck-list").hidePopover();
}

function follow() {
  const { h } = Reveal.getIndices();
  if (asked() === h) return;
  try {
    history.replaceState(null, "", `#${slides[h].id}`);
  } catch {
    // a page from disk may refuse
  }
}

/** A link to a state works a second time, after the figure has been moved. */
function again(event) {
  const link = event.target.closest?.(".states a");
  if (link && link.hash === location.hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** A question's answer comes with the next key, and goes with the key back. */
function reveal(fragment, from) {
  const figure = fragment.dataset.reveals && document.getElementById(fragment.dataset.reveals);
  if (figure && figure.querySelector("[data-room]")?.dataset.room === from) figure.querySelector(".dora-predict-turn").click();
}

// ---- sizes: a figure as large as its slide has room for; what does not fit scrolls, by keyboard too

function sizes() {
  const all = () => slides.forEach(fit);
  const watch = new MutationObserver((changes) => changes.forEach(({ target }) => fit(target.closest("section"))));
  document.querySelectorAll("figure[data-figure]").forEach((figure) => watch.observe(figure, { attributes: true, attributeFilter: ["data-ready"] }));
  let waiting = 0;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(all, 100); });
  document.fonts.ready.then(all);
}

function fit(slide) {
  const page = slide.querySelector(".slide"), figure = page.querySelector("figure[data-figure]");
  const content = figure?.querySelector(":scope > .dora-mount > .dora");
  page.classList.add("measured");
  if (content) {
    bigScreen.markRight(figure);
    page.classList.add("on-paper");
    const room = bigScreen.fit(page, content, MOST);
    page.classList.remove("on-paper");
    const drawn = bigScreen.fit(page, content, Math.min(3, Math.max(1, MOST * Math.min(innerWidth / 1280, innerHeight / 720))));
    page.style.setProperty("--figure-on-paper", Math.min(room, (drawn * 1280) / innerWidth)); // no wider than it was drawn
  }
  page.classList.remove("measured");
  const reach = (box, scrolls) => { scrolls ? (box.tabIndex = 0) : box.removeAttribute("tabindex"); };
  reach(page, page.scrollHeight > page.clientHeight + 1);
  page.querySelectorAll(".pst-scrollable-table-container, .formula").forEach((box) => reach(box, box.scrollWidth > box.clientWidth));
}

/** Paper is white. */
function paper() {
  let theme = null;
  window.addEventListener("beforeprint", () => { theme = root.dataset.theme; root.dataset.theme = "light"; });
  window.addEventListener("afterprint", () => { root.dataset.theme = theme; });
}

// ---- the bar

function bar() {
  const act = {
    back: () => Reveal.prev(),
    on: () => Reveal.next(),
    notes: toggleNotes,
    speaker: openSpeaker,
    theme: (button) => {
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("dora-theme", root.dataset.theme); } catch { /* storage is off */ }
      button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
    },
  };
  one("[data-do=theme]").setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  document.querySelectorAll(".bar button").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => act[button.dataset.do]?.(button));
  });
  Reveal.addKeyBinding({ keyCode: 84, key: "T" }, toggleNotes);
  Reveal.addKeyBinding({ keyCode: 83, key: "S" }, openSpeaker);
}

function show() {
  const { h } = Reveal.getIndices();
  one(".place").textContent = `${h + 1} / ${slides.length}`;
  one(".beneath").replaceChildren(...notesOf(h));
  document.querySelectorAll("#deck-list a").forEach((link, index) => {
    index === h ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  });
  tellSpeaker();
}

function toggleNotes() {
  const beneath = one(".beneath");
  beneath.hidden = !beneath.hidden;
  root.classList.toggle("with-notes", !beneath.hidden);
  one("[data-do=notes]").setAttribute("aria-pressed", String(!beneath.hidden));
  slides.forEach(fit);
}

// ---- the speaker's window: the same page, opened with ?speaker. Windows from disk may post to one another, not share storage.

function openSpeaker() {
  speaker = window.open(`${location.href.split(/[?#]/)[0]}?speaker#${slides[Reveal.getIndices().h].id}`, "dora-speaker", "popup,width=900,height=700");
}

function tellSpeaker() {
  speaker?.postMessage({ deck: "at", index: Reveal.getIndices().h }, to);
}

/** Only a deck and its own speaker's window listen to each other. */
function ours(origin) {
  return fromDisk || origin === location.origin;
}

window.addEventListener("message", ({ origin, source, data }) => {
  if (!speaker || source !== speaker || !ours(origin)) return;
  if (data?.deck === "ready") tellSpeaker();
  if (data?.deck === "turn" && data.by === 1) Reveal.next();
  if (data?.deck === "turn" && data.by === -1) Reveal.prev();
});

function speakerWindow() {
  const first = Math.max(0, asked());
  root.dataset.view = "speaker";
  const view = document.createElement("div");
  view.className = "speaker";
  view.innerHTML = `<header><p class="time" role="timer"></p><p class="plan"></p><button type="button">Start the clock again</button></header>
    <h1></h1><div class="says" tabindex="0" role="region" aria-label="Notes"></div><p class="next"></p>`;
  document.body.replaceChildren(view);
  const [time, plan, title, says, next] = [".time", ".plan", "h1", ".says", ".next"].map((part) => view.querySelector(part));
  let index = 0, began = Date.now();

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const tick = () => { time.textContent = clock((Date.now() - began) / 1000); };
  const at = (place) => {
    index = Math.min(slides.length - 1, Math.max(0, place));
    const before = minutes.slice(0, index).reduce((sum, one) => sum + one, 0);
    plan.textContent = `planned ${clock(60 * before)} to ${clock(60 * (before + minutes[index]))}`;
    title.textContent = `${index + 1} / ${slides.length} · ${titles[index]}`;
    document.title = `Speaker · ${titles[index]}`;
    says.replaceChildren(...notesOf(index));
    says.scrollTop = 0;
    next.textContent = index + 1 < slides.length ? `Next: ${titles[index + 1]}` : "That was the last slide.";
  };
  const turn = (by) => {
    if (window.opener) window.opener.postMessage({ deck: "turn", by }, to); // the deck may have a step to show first
    else at(index + by);
  };

  view.querySelector("button").addEventListener("click", () => { began = Date.now(); tick(); });
  window.addEventListener("message", ({ origin, source, data }) => {
    if (source === window.opener && ours(origin) && data?.deck === "at" && Number.isInteger(data.index)) at(data.index);
  });
  document.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, PageDown: 1, n: 1, " ": 1, ArrowLeft: -1, PageUp: -1, p: -1 }[event.key];
    if (!by || (event.key === " " && event.target.closest("button"))) return;
    event.preventDefault();
    turn(by);
  });
  at(first);
  tick();
  setInterval(tick, 1000);
  window.opener?.postMessage({ deck: "ready" }, to);
  root.dataset.deck = "ready";
}
})();
