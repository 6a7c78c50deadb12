// Choosing files: a real file input in a label, or files dropped on it, and the list of what is chosen.
import { clipped } from "./checkpoint/text.js";
import { whole } from "../core/whole.js";
import { h, say } from "../ui/dom.js";

const LISTED = 6;

const ASKS = {
  adapter: "Choose a .safetensors adapter, and its base model if you have it",
  base: "Add a file: the base model, or a shard of it",
};

/** onfiles(list of File), onfolder(name) and onremove(name) are called. Returns { el, input, catchDrops(node), set(files, { wanted }) }; files as { name, size }. */
export function filePicker({ accept, onfiles, onfolder, onremove }) {
  const title = h("span", { class: "dora-ad-title" }), hint = h("span", { class: "dora-hint" });
  const input = h("input", { type: "file", multiple: true, accept, onchange: take });
  const area = h("label", { class: "dora-ad-drop" }, input, title, hint);
  const list = h("ul", { class: "dora-ad-files", "aria-label": "Chosen files" });
  const el = h("div", { class: "dora-ad-pick" }, area, list);
  let listed = null;

  function take() {
    const files = [...input.files];
    input.value = ""; // so that the same file, changed meanwhile, can be chosen again
    if (files.length) onfiles(files);
  }

  function remove(name) {
    onremove(name);
    input.focus(); // else the focus goes with the button
  }

  /** Files dropped anywhere on `node` are taken; a page that does not catch them would open them and be gone. */
  function catchDrops(node) {
    let inside = 0;
    const over = (change) => {
      inside = Math.max(0, inside + change);
      area.classList.toggle("dora-ad-over", inside > 0);
    };
    const holdsFiles = (event) => [...event.dataTransfer.types].includes("Files");
    node.addEventListener("dragenter", (event) => holdsFiles(event) && over(1));
    node.addEventListener("dragleave", (event) => holdsFiles(event) && over(-1));
    node.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
    node.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      over(-inside);
      const folder = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).find((entry) => entry?.isDirectory);
      folder ? onfolder(folder.name) : onfiles([...event.dataTransfer.files]);
    });
  }

  return {
    el,
    input,
    catchDrops,
    set(files, { wanted }) {
      say(title, ASKS[wanted]);
      say(hint, "Or drop them here. Files are read here, in your browser, piece by piece; nothing is sent anywhere.");
      if (listed?.length === files.length && files.every((file, i) => file === listed[i])) return; // a button keeps its focus
      listed = [...files];
      const rows = files.slice(0, LISTED).map(({ name, size }) => chosen(name, size, remove));
      const rest = files.length - rows.length;
      list.replaceChildren(...rows, ...(rest ? [h("li", {}, `and ${whole(rest)} more`)] : []));
      list.hidden = files.length === 0;
    },
  };
}

function chosen(name, size, onremove) {
  const remove = h("button", { type: "button", class: "dora-ad-remove", "aria-label": `Remove ${clipped(name)}`, onclick: () => onremove(name) }, "✕");
  return h("li", {}, h("bdi", {}, clipped(name)), " ", h("span", { class: "dora-ad-size" }, amount(size)), remove);
}

/** 5,000,000,000 bytes as "5 GB": decimal units, as shops and file managers count. */
export function amount(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(bytes || 1) / 3)));
  const value = bytes / 1000 ** step;
  return `${value < 10 && step ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}
