// A table of many rows: the first dozen, more on demand, and a choice among the kinds of row with their counts.
import { whole } from "../core/whole.js";
import { button, choice, h, say } from "../ui/dom.js";

const FIRST = 12, MORE = 100;

/**
 * Returns { el, set({ columns, rows, kinds }) }: rows are lists of strings, kinds[i] the word that row i is counted under.
 */
export function verdictTable() {
  const head = h("tr", { role: "row" }), body = h("tbody", { role: "rowgroup" });
  const table = h("table", { class: "dora-ad-table", role: "table" }, h("thead", { role: "rowgroup" }, head), body);
  const shown = h("span", { class: "dora-ad-shown" });
  const more = button("", () => show(count + MORE));
  const filter = h("div"), foot = h("div", { class: "dora-ad-more" }, shown, more);
  const el = h("div", { class: "dora-ad-verdicts" }, filter, table, foot);
  let columns = [], all = [], kept = [], count = 0;

  function show(next) {
    const from = count;
    count = Math.min(next, kept.length);
    body.append(...kept.slice(from, count).map(({ row, kind }) => line(columns, row, kind)));
    say(shown, count < kept.length ? `${whole(count)} of ${whole(kept.length)} layers shown` : "");
    say(more, `Show ${whole(Math.min(MORE, kept.length - count))} more`);
    foot.hidden = count === kept.length;
  }

  function keep(kind) {
    kept = all.filter((one) => kind === "" || one.kind === kind);
    body.replaceChildren();
    count = 0;
    show(FIRST);
  }

  return {
    el,
    set({ columns: names, rows, kinds }) {
      columns = names;
      all = rows.map((row, i) => ({ row, kind: kinds[i] }));
      head.replaceChildren(...names.map((name) => h("th", { role: "columnheader", scope: "col" }, name)));
      const counts = new Map();
      kinds.forEach((kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1));
      filter.replaceChildren();
      filter.hidden = counts.size < 2;
      if (counts.size > 1) {
        const options = [["", `all ${whole(rows.length)}`], ...[...counts].map(([kind, number]) => [kind, `${kind} ${whole(number)}`])];
        const which = choice({ legend: "Layers to show", options, onchange: keep });
        which.set("");
        filter.append(which.el);
      }
      el.hidden = rows.length === 0;
      keep("");
    },
  };
}

function line(columns, [first, ...rest], kind) {
  const cells = rest.map((text, i) => h("td", { role: "cell", class: `dora-ad-c${i + 1}`, "data-name": columns[i + 1] }, text));
  return h("tr", { role: "row", "data-kind": kind }, h("th", { role: "rowheader", scope: "row", class: "dora-ad-c0" }, h("bdi", {}, breakable(first))), cells);
}

/** A name may go on in the next line after a dot or an underscore, rather than in the middle of a word. */
function breakable(name) {
  return name.split(/(?<=[._])/).flatMap((part) => [part, h("wbr")]);
}
