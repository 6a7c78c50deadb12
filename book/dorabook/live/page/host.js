// Brings the figures of a page to life: each <figure data-figure="name"> gets its module and its own model.
// A figure's sentence and table are in the page already and come back if its module fails.
import { LONGEST, decode, encode, refusal, split } from "./link.js";
import { any, forget, keep, recall } from "./memory.js";
import { prose } from "./prose.js";
import { button, h, say } from "../ui/dom.js";

const EARLY = "400px"; // how far below the fold a figure is built
const FOLLOW_AFTER = 150; // ms without a change before the address follows

/**
 * modules: { "norm-explorer": { render }, ... }. A module may also say what a reader left in it should stay in this browser
 * (memory: { save(state): text or null, load(text, state): changes }), what of its state a link holds (shared(state, own), `own`
 * where the link leads to it), and when the page's own address follows it (inAddress(state)). One that can be drawn `low` stays in
 * view while the text speaks of it; rows(state) is its table, which numbers of the text follow.
 */
export function start(modules) {
  const go = () => {
    const figures = new Map();
    for (const node of document.querySelectorAll("figure[data-figure]")) {
      if (figures.has(node.id)) node.id = `${node.id}-${figures.size + 1}`;
      figures.set(node.id, figure(node, modules, () => link(figures, node.id)));
    }
    prose(figures);
    restore(figures);
    window.addEventListener("hashchange", () => restore(figures));
    whenSeen(figures);
    offerToForget(figures);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", go);
  else go();
}

function figure(node, modules, address) {
  const still = [...node.children];
  const module = modules[node.dataset.figure];
  let authored = {}, allowed = {}, model = pageModel({}), mounted = false, quiet = false, inAddress = false;
  let linked = false, leave = null; // is the state that of a link? what ends the view
  let own = null, table = null; // the state that a phrase of the text has taken the place of; the rows of the state as it is
  const back = button("Back to before", () => goBack(), { class: "dora-button dora-back", hidden: true });
  const clear = () => {
    leave?.();
    leave = null;
    mounted = false;
    delete node.dataset.ready;
    node.querySelectorAll(":scope > :is(.dora-mount, .dora-error)").forEach((child) => child.remove());
    still.forEach((child) => { child.hidden = false; });
  };
  const fail = (error) => {
    clear();
    if (linked) { // no link should get here; if one does, the figure is worth more than the link
      open({ refusal: refusal("") });
      return mount();
    }
    const line = document.createElement("p");
    line.className = "dora-error";
    line.textContent = `This figure could not come alive here (${error.message}). What it shows is written below it.`;
    node.prepend(line);
    node.dataset.ready = "failed";
  };
  const attempt = (act) => {
    try {
      act();
    } catch (error) {
      fail(error);
    }
  };
  const quietly = (act) => { // a change that is not the reader's
    quiet = true;
    try {
      act();
    } finally {
      quiet = false;
    }
  };
  const remember = (before) => {
    own = before;
    back.hidden = !own;
  };
  const open = (changes, before = null) => {
    remember(before);
    quietly(() => model.set({ ...structuredClone(authored), refusal: "", ...changes }));
    linked = !changes.refusal;
    inAddress = follows();
  };
  const follows = () => Boolean(module?.inAddress?.(model.state()));
  const changed = () => {
    if (quiet) return;
    linked = false;
    remember(null);
    if (module?.memory) {
      keep(node.id, module.memory.save(model.state()));
      showForget();
    }
    if (inAddress || follows()) followSoon(address); // also the change that ends it
    inAddress = follows();
  };
  attempt(() => {
    ({ state: authored, allowed = {} } = JSON.parse(node.querySelector("script").textContent));
    model = pageModel(structuredClone(authored));
    const left = module?.memory ? recall(node.id) : null;
    if (left !== null) model.set(module.memory.load(left, authored));
    model.on("change", () => { table = null; });
    model.on("change", changed);
  });
  function mount() {
    if (mounted || node.dataset.ready) return;
    mounted = true;
    attempt(() => {
      if (!module) throw new Error(`no figure is called ${node.dataset.figure}`);
      const el = document.createElement("div");
      el.className = "dora-mount";
      el.addEventListener("dora-error", (event) => fail(event.detail));
      node.prepend(el);
      quietly(() => {
        const now = model.state();
        model.set(structuredClone(authored)); // what Reset goes back to
        leave = module.render({ model, el });
        model.set(now);
      });
      el.querySelector(".dora-foot")?.append(back, linkButton(address));
      still.forEach((child) => { child.hidden = true; });
      node.dataset.ready = "true";
    });
  }
  const asked = (text) => decode(text, authored, allowed);
  const stands = (text) => {
    const now = model.state(), then = { ...authored, ...asked(text).changes };
    return Object.keys(allowed).every((key) => JSON.stringify(now[key]) === JSON.stringify(then[key]));
  };
  function goBack() {
    const before = own;
    remember(null);
    quietly(() => model.set(before));
  }
  return {
    node,
    mount,
    low: Boolean(module?.low),
    state: () => model.state(),
    rows: () => (table ??= module?.rows?.(model.state()) ?? []),
    reaches: (text) => !asked(text).refused,
    stands,
    /** What a phrase of the text does: the state it asks for, or where that stands already, the one before. */
    press(text) {
      if (!stands(text)) open(asked(text).changes, own ?? model.state());
      else if (own) goBack();
      mount();
    },
    returns: () => Boolean(own),
    whenChanged: (follow) => model.on("change", follow),
    fit: () => node.querySelector(":scope > .dora-mount")?.dispatchEvent(new Event("dora-fit")),
    /** What differs, for a link; `own` where the link leads to this figure. */
    changed: (own) => encode(module?.shared?.(model.state(), own) ?? model.state(), authored),
    restore(text) {
      const { changes, refused } = asked(text);
      open({ ...changes, refusal: refused });
      if (node.dataset.ready !== "failed") return;
      clear(); // a good link brings a figure back
      mount();
    },
    forget: () => quietly(() => { if (module?.memory) model.set(structuredClone(authored)); }),
  };
}

/** What a module asks of a model, kept in the page: get, set, on, off, save_changes. */
function pageModel(values) {
  const heard = new Map();
  const emit = (event) => [...(heard.get(event) ?? [])].forEach((listener) => listener());
  return {
    get: (key) => values[key],
    set(key, value) {
      const changes = typeof key === "string" ? { [key]: value } : key;
      const changed = Object.keys(changes).filter((name) => values[name] !== changes[name]);
      Object.assign(values, changes);
      changed.forEach((name) => emit(`change:${name}`));
      if (changed.length) emit("change");
    },
    on: (event, listener) => heard.set(event, [...(heard.get(event) ?? []), listener]),
    off: (event, listener) => heard.set(event, (heard.get(event) ?? []).filter((other) => listener && other !== listener)),
    save_changes() {},
    state: () => ({ ...values }),
  };
}

function restore(figures) {
  let first = null;
  for (const [id, text] of split(location.hash)) {
    const target = figures.get(id);
    if (!target) continue;
    target.restore(text);
    first ??= target;
  }
  first ??= figures.get(location.hash.slice(1)) ?? null; // #hero alone: no state to set, but do not wait to be seen
  if (first) {
    first.mount();
    first.node.scrollIntoView({ block: "start" });
  }
}

function whenSeen(figures) {
  if (!window.IntersectionObserver) return figures.forEach((each) => each.mount());
  const byNode = new Map([...figures.values()].map((each) => [each.node, each]));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      observer.unobserve(entry.target);
      byNode.get(entry.target).mount();
    }
  }, { rootMargin: EARLY });
  byNode.forEach((_, node) => observer.observe(node));
}

/** This page's address with the figure `id` first, and every other figure that has been changed. */
function link(figures, id) {
  const parts = [...figures].map(([name, each]) => [name, each.changed(name === id)]).filter(([, text]) => text);
  parts.sort(([one], [other]) => (other === id) - (one === id));
  const hash = parts.map(([name, text]) => `${name}=${text}`).join("&");
  return `${location.href.split("#")[0]}#${hash || id}`;
}

function linkButton(address) {
  const box = h("span", { class: "dora-link" });
  const copy = button("Copy link to this state", () => {
    if (address().split("#")[1].length > LONGEST) return say(copy, "This state is too long for a link");
    const field = box.querySelector("input") ?? document.createElement("input");
    field.readOnly = true;
    field.value = address();
    field.setAttribute("aria-label", "Link to this state");
    box.append(field);
    field.focus();
    field.select();
    follow(field.value);
    navigator.clipboard?.writeText(field.value).then(() => { copy.textContent = "Link copied"; }, () => {});
  });
  box.append(copy);
  return box;
}

let following = 0;

/** Unless who turned to another figure meanwhile has an address already. */
function followSoon(address) {
  const { hash } = location;
  clearTimeout(following);
  following = setTimeout(() => { if (location.hash === hash) follow(address()); }, FOLLOW_AFTER);
}

/** The page's address becomes `address`. */
function follow(address) {
  try {
    history.replaceState(null, "", address);
  } catch {
    // a page from disk may refuse; the link's field has the address all the same
  }
}

// ---- what is kept of a reader's answers, in one line at the foot of the page

function showForget() {
  const line = document.querySelector(".kept");
  if (line && any()) {
    line.hidden = false;
    line.querySelector("button").hidden = false;
    say(line.querySelector("span"), "Your answers are kept in this browser and nowhere else.");
  }
}

function offerToForget(figures) {
  document.querySelector(".kept button")?.addEventListener("click", (event) => {
    forget();
    figures.forEach((each) => each.forget());
    event.target.hidden = true;
    say(event.target.previousElementSibling, "Your answers are forgotten, on every page of the book.");
  });
  showForget();
}
