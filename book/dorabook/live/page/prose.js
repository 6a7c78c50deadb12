// The text of a page and its figures: a phrase sets a figure, a number follows one, and a figure whose phrase was pressed stays in
// view, low, under the bar above, while its phrases are read. In a notebook both are spans, and plain text where this script is not.
import { fixed } from "../core/text.js";
import { button, LOWEST, say } from "../ui/dom.js";

const ROOMY = 240; // pixels that a figure takes above the text where there is room
const GAP = 12; // from the figure to a paragraph right below it
const LINES = 140; // of it, above its phrase
const LEAST = 560; // of a window's height, for text to be left below it
const low = () => (innerWidth >= 700 && innerHeight >= 740 ? ROOMY : LOWEST);

/** figures: by id, each { node, reaches, stands, press, row, state, whenChanged, fit, mount, low }. */
export function prose(figures) {
  const spans = (name, follow) => [...document.querySelectorAll(`span[data-${name}]`)].flatMap((node) => {
    const text = node.dataset[name], at = text.indexOf("="), figure = figures.get(text.slice(0, at));
    return figure ? follow(node, figure, text.slice(at + 1)) : [];
  });
  spans("shows", number);
  const phrases = spans("sets", phrase);
  if (phrases.some(({ figure }) => figure.low)) keepInView(phrases);
}

/** Where its paragraph begins, or a few lines above it in a long one. */
function paragraph(node) {
  const { top } = node.getBoundingClientRect();
  return Math.max(node.parentElement.getBoundingClientRect().top, top - LINES);
}

/** A button in all but its tag, which would not break over two lines. */
function phrase(node, figure, text) {
  if (!figure.reaches(text)) return [];
  node.setAttribute("role", "button");
  node.tabIndex = 0;
  node.addEventListener("click", () => {
    figure.press(text);
    if (!figure.low) figure.node.scrollIntoView({ block: "nearest" }); // it cannot come to the text
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    node.click();
  });
  const follow = () => {
    const stands = figure.stands(text);
    node.setAttribute("aria-pressed", String(stands));
    node.toggleAttribute("data-own", stands && figure.returns());
    node.title = stands && figure.returns() ? "Press again to go back" : "";
  };
  figure.whenChanged(follow);
  follow();
  return [{ node, figure }];
}

function number(node, figure, text) {
  const first = node.textContent, read = () => shown(text, figure.state(), text.includes("/") ? figure.rows() : []);
  if (read() !== undefined) figure.whenChanged(() => {
    say(node, read());
    if (node.textContent === first) delete node.dataset.moved;
    else node.dataset.moved = first;
  });
  return [];
}

/**
 * What a number of the text follows: "weight.0.1", an entry of the state, or "output 0/1", a cell of the figure's table, by its
 * row's name and its place in the row. undefined where there is none.
 */
export function shown(text, state, rows) {
  if (text.includes("/")) {
    const [name, place] = text.split("/");
    return rows.find(([first]) => first === name)?.[Number(place)];
  }
  const value = text.split(".").reduce((inner, key) => inner?.[key], state);
  return typeof value === "number" ? fixed(value, 3) : undefined;
}

// ---- in view

function keepInView(phrases) {
  const bar = document.querySelector(".top"), root = document.documentElement;
  const spoken = [...new Set(phrases.map(({ figure }) => figure))].filter(({ low }) => low);
  const asked = new Set(); // a phrase of it was pressed, and it was not put away since
  const deep = new Map(); // how far below its top the picture of a figure ends
  let kept = null, waiting = 0;

  /** Of what it shows in its place little is left in view: of its picture, not of the lines below that. */
  const passed = (figure, under) => {
    const { top, bottom } = figure.node.getBoundingClientRect();
    if (kept !== figure) deep.set(figure, (figure.node.querySelector(".dora-stage")?.getBoundingClientRect().bottom ?? bottom) - top);
    const tall = deep.get(figure);
    return Math.min(top + tall, innerHeight) - Math.max(top, under) < Math.min(LOWEST, tall / 2);
  };
  const read = (figure, under) => phrases.some(({ node, figure: its }) => {
    const { top, bottom } = node.getBoundingClientRect();
    return its === figure && top > under + (kept === figure ? LOWEST / 2 : low()) && bottom < innerHeight && node.checkVisibility();
  });
  const wanted = (figure, under) => asked.has(figure) && passed(figure, under) && read(figure, under);
  const none = () => innerHeight < LEAST || root.dataset.room === "on";

  const look = () => {
    waiting = 0;
    const under = bar?.offsetHeight ?? 0;
    const next = none() ? null : [kept, ...spoken].find((figure) => figure && wanted(figure, under)) ?? null;
    if (next === kept) return;
    if (kept) stand(kept, null);
    kept = next;
    if (kept) stand(kept, under);
    root.style.setProperty("--kept", kept ? `${low()}px` : "0px"); // what is scrolled to stands below it
  };
  /** A phrase where the figure will come, right under the bar, goes below it, with what stands above it in its paragraph. */
  function uncovered(node, figure) {
    const under = bar?.offsetHeight ?? 0, covered = under + low() + GAP - paragraph(node);
    if (covered > 0 && passed(figure, under)) scrollBy({ top: -covered, behavior: "instant" });
  }

  const later = () => { waiting ||= requestAnimationFrame(look); };

  /** Low under the bar, with its own place kept free; or, under null, in its place. */
  function stand(figure, under) {
    const { node } = figure;
    if (under !== null) figure.mount();
    const view = node.querySelector(":scope > .dora-mount");
    if (!view) return;
    const { left, width, height } = node.getBoundingClientRect();
    node.style.height = `${height}px`;
    for (const [name, value] of Object.entries({ left, width, top: under, height: low() })) view.style[name] = under === null ? "" : `${value}px`;
    view.classList.toggle("dora-low", under !== null);
    view.querySelector(":scope > .dora-put")?.remove();
    if (under !== null) view.append(button("Hide", () => { asked.delete(figure); look(); }, { class: "dora-button dora-put", "aria-label": "Hide the figure here" }));
    figure.fit();
    if (under === null) node.style.height = ""; // once it is drawn in its place: a page that is shorter for a moment is scrolled
  }

  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", () => {
    if (kept) stand(kept, null); // measured anew
    kept = null;
    later();
  });
  document.addEventListener("toggle", later, true);
  for (const { node, figure } of phrases) {
    node.addEventListener("click", () => {
      asked.add(figure);
      if (figure.low && kept !== figure && !none()) uncovered(node, figure);
      later();
    });
  }
  later();
}
