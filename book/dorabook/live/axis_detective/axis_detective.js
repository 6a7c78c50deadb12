// Which axis a checkpoint's magnitudes lie along: an example, or the reader's own files, read here and sent nowhere.
import { clipped } from "./checkpoint/text.js";
import { judge } from "./checkpoint/judging.js";
import { exampleSources } from "./examples.js";
import { Refused, atOnce } from "./checkpoint/safetensors.js";
import { whole } from "../core/whole.js";
import { button, choice, h, say } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { amount, filePicker } from "./file_picker.js";
import { inTurns, sourceOf } from "./dropped.js";
import { verdictTable } from "./verdict_table.js";

export const KEYS = ["example"];
const EXAMPLES = [["output", "one per output"], ["input", "one per input"], ["square", "square, alone"], ["square with base", "square, with its base"]];

/** state: { example }: which of the small files that come with the figure is judged. */
export function describe({ example }) {
  const said = atOnce(judge(exampleSources(example)));
  return { ...said, rows: said.rows.slice(0, 12), all: said };
}

const nothing = { columns: [], rows: [], kinds: [], remedy: [] };
const changedOnDisk = (name) => new Refused(`${clipped(name)} cannot be read to its end: it was changed, moved or locked since you chose it. Choose it again.`);

const aFolder = (name) => `${clipped(name)} is a folder: open it, and drop the files that are in it.`;

/** The reader's own files by name, and what is said of them. changed() is called after every step. */
function ownFiles(changed) {
  const files = new Map();
  let run = 0, reading = null, said = null;

  /** fresh: names of files that came last. An adapter among them takes the place of one that was there. */
  async function read(fresh = new Set()) {
    const mine = (run += 1);
    const sources = [...files].map(([name, { file }]) => ({ ...sourceOf(file), name }));
    reading = { done: 0, size: sources.reduce((sum, { size }) => sum + size, 0) };
    said = { ...nothing, sentence: `Reading ${named([...files.keys()])}.` };
    changed();
    const progress = (done) => {
      if (mine !== run) return;
      reading.done = done;
      changed();
    };
    let found;
    try {
      found = await inTurns(judge(sources), { cancelled: () => mine !== run, progress, unreadable: changedOnDisk });
    } catch (error) {
      const older = (error.adapters ?? []).filter((name) => !fresh.has(name));
      if (mine === run && older.length && older.length < error.adapters.length) {
        older.forEach((name) => files.delete(name));
        return read(fresh);
      }
      found = { ...nothing, sentence: error instanceof Refused ? error.message : `These files could not be judged (${error.message}).`, bad: true };
    }
    if (mine === run) stop(found);
  }

  function stop(found) {
    run += 1;
    reading = null;
    said = found;
    changed();
  }

  /** The name that a file is listed by: of two with one name, from two folders, the second is "(2)". An index, and the same file chosen again, keep theirs. */
  function listed({ name, size, lastModified }) {
    const free = (one) => !files.has(one) || name.endsWith(".json") || (files.get(one).file.size === size && files.get(one).file.lastModified === lastModified);
    const names = [name, ...Array.from(files, (_, n) => `${name} (${n + 2})`)];
    return names.find(free);
  }

  return {
    list: () => [...files.values()],
    reading: () => reading,
    said: () => said,
    add(chosen) {
      read(new Set(chosen.map((file) => {
        const name = listed(file);
        files.set(name, { name, size: file.size, file });
        return name;
      })));
    },
    refuse(folder) {
      stop({ ...nothing, sentence: aFolder(folder), bad: true });
    },
    remove(name) {
      files.delete(name);
      if (files.size) read();
      else stop(null);
    },
    cancel: () => stop({ ...nothing, sentence: "Cancelled: nothing was judged." }),
    clear() {
      files.clear();
      stop(null);
    },
  };
}

const named = ([first, ...rest]) => (rest.length ? `${clipped(first)} and ${whole(rest.length)} more ${rest.length === 1 ? "file" : "files"}` : clipped(first));

function build({ stage, set, own }) {
  const picker = filePicker({ accept: ".safetensors,.json", onfiles: own.add, onfolder: own.refuse, onremove: own.remove });
  const examples = choice({ legend: "Or load an example", options: EXAMPLES, onchange: (example) => { own.clear(); set({ example }); } });
  const bar = h("progress", { "aria-label": "Read so far" }), amounts = h("span", { class: "dora-ad-amounts" });
  const cancel = button("Cancel", () => { own.cancel(); picker.input.focus(); });
  const progress = h("div", { class: "dora-ad-progress" }, bar, amounts, cancel);
  const verdicts = verdictTable();
  const remedy = h("div", { class: "dora-ad-remedy" });
  const sentence = stage.parentNode.querySelector(".dora-sentence"); // first what was found, then the layers and what to do
  const view = h("div", { class: "dora-ad" }, picker.el, examples.el, progress, sentence, verdicts.el, remedy);
  stage.append(view);
  picker.catchDrops(view);
  stage.parentNode.addEventListener("click", (event) => event.target.closest(".dora-reset") && own.clear());
  let drawn = null;

  return function update({ all, bad = false, far = 0 }, { example }) {
    const reading = own.reading(), files = own.list();
    examples.set(files.length ? null : example);
    picker.set(files, { wanted: bad || !files.length ? "adapter" : "base" });
    progress.hidden = !reading;
    if (reading) {
      bar.max = Math.max(1, reading.size);
      bar.value = reading.done;
      say(amounts, `${amount(reading.done)} of ${amount(reading.size)}`);
    }
    view.dataset.bad = bad || far > 0;
    if (drawn === all) return;
    drawn = all;
    verdicts.set(all);
    remedy.hidden = all.remedy.length === 0;
    remedy.replaceChildren(h("p", { class: "dora-ad-head" }, "What to do"), ...all.remedy.map((text) => h("p", {}, text)));
  };
}

function render({ model, el }) {
  let again = () => {};
  const own = ownFiles(() => again());
  const tell = (state) => {
    const said = own.said();
    return said ? { ...said, all: said } : describe(state);
  };
  const leave = mount({ model, el, keys: KEYS, describe: tell, build: (parts) => {
    again = parts.again;
    return build({ ...parts, own });
  } });
  return () => {
    again = () => {};
    own.clear();
    leave();
  };
}

export default { render };
