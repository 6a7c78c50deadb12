// Brings the figures of a page to life: each <figure data-figure="name"> gets its module and its own model.
// A figure's sentence and table are in the page already and come back if its module fails.
import { decode, encode, split } from "./link.js";

const EARLY = "400px"; // how far below the fold a figure is built

/** modules: { "norm-explorer": { render }, ... } */
export function start(modules) {
  const go = () => {
    const figures = new Map();
    for (const node of document.querySelectorAll("figure[data-figure]")) {
      if (figures.has(node.id)) node.id = `${node.id}-${figures.size + 1}`;
      figures.set(node.id, figure(node, modules, () => link(figures, node.id)));
    }
    restore(figures);
    window.addEventListener("hashchange", () => restore(figures));
    whenSeen(figures);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", go);
  else go();
}

function figure(node, modules, address) {
  const still = [...node.children];
  let authored = {}, allowed = {}, model = pageModel({}), mounted = false;
  const fail = (error) => {
    node.querySelector(".dora-mount")?.remove();
    node.querySelector(".dora-error")?.remove();
    still.forEach((child) => { child.hidden = false; });
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
  attempt(() => {
    ({ state: authored, allowed = {} } = JSON.parse(node.querySelector("script").textContent));
    model = pageModel(structuredClone(authored));
  });
  return {
    node,
    mount() {
      if (mounted || node.dataset.ready) return;
      mounted = true;
      attempt(() => {
        const module = modules[node.dataset.figure];
        if (!module) throw new Error(`no figure is called ${node.dataset.figure}`);
        const el = document.createElement("div");
        el.className = "dora-mount";
        el.addEventListener("dora-error", (event) => fail(event.detail));
        node.prepend(el);
        const now = model.state();
        model.set(structuredClone(authored)); // what Reset goes back to
        module.render({ model, el });
        model.set(now);
        el.querySelector(".dora-foot")?.append(linkButton(address));
        still.forEach((child) => { child.hidden = true; });
        node.dataset.ready = "true";
      });
    },
    changed: () => encode(model.state(), authored),
    restore: (text) => model.set({ ...structuredClone(authored), ...decode(text, authored, allowed) }),
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
  const parts = [...figures].map(([name, each]) => [name, each.changed()]).filter(([, text]) => text);
  parts.sort(([one], [other]) => (other === id) - (one === id));
  const hash = parts.map(([name, text]) => `${name}=${text}`).join("&");
  return `${location.href.split("#")[0]}#${hash || id}`;
}

function linkButton(address) {
  const box = document.createElement("span");
  box.className = "dora-link";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dora-button";
  button.textContent = "Copy link to this state";
  button.addEventListener("click", () => {
    const field = box.querySelector("input") ?? document.createElement("input");
    field.readOnly = true;
    field.value = address();
    field.setAttribute("aria-label", "Link to this state");
    box.append(field);
    field.focus();
    field.select();
    try {
      history.replaceState(null, "", field.value);
    } catch {
      // a page from disk may refuse; the field has the address all the same
    }
    navigator.clipboard?.writeText(field.value).then(() => { button.textContent = "Link copied"; }, () => {});
  });
  box.append(button);
  return box;
}
