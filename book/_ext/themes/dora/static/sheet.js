// A run sheet leads the room's window from one of its links to the next, by a bar below, by N and P, and by what is pressed there.
(() => {
"use strict";

const links = [...document.querySelectorAll('article section a[target="dora-room"]')].filter((link) => !link.closest(".glance"));
if (!links.length) return;

let at = -1; // which of them is on the screen
let room = null; // its window
const bar = document.createElement("nav");
bar.className = "sheet-bar";
bar.setAttribute("aria-label", "The room's window");
const [back, on] = [["‹ Back", -1], ["Next ›", 1]].map(([text, by]) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", () => turn(by));
  return button;
});
const place = document.createElement("p");
place.setAttribute("role", "status");
bar.append(back, on, place);
document.querySelector("main").append(bar);

function words(link) {
  if (link.textContent !== "Vote") return link.textContent;
  const [, title] = /^\s*[\d:]+\s+(.+?)\s*\(/.exec(link.closest("section").querySelector("h2").textContent) ?? ["", ""];
  return `Vote: ${title}`;
}

function mark(index) {
  links[at]?.removeAttribute("aria-current");
  at = index;
  links[at]?.setAttribute("aria-current", "step");
  back.disabled = at < 1;
  on.disabled = at === links.length - 1;
  const next = links[at + 1] ? `Next: ${words(links[at + 1])}` : "That was the last.";
  place.textContent = at < 0 ? next : `In the room: ${words(links[at])} · ${next}`;
}

function turn(by) {
  const link = links[at + by];
  if (!link) return;
  mark(at + by);
  link.scrollIntoView({ block: "center" });
  show(link);
}

/** In a window of its own, to be moved to the projector; a link by itself would open a tab over the sheet. */
function show(link) {
  room = window.open(link.href, "dora-room", "popup,width=1280,height=800");
}

links.forEach((link, index) => link.addEventListener("click", (event) => {
  mark(index);
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link);
}));
// The room's window is heard, and after a reload, which forgets it, what the sheet finds at its own address; from disk no page has an origin
// that a message could name.
window.addEventListener("message", ({ origin, source, data }) => {
  if (room && source !== room) return;
  if (location.protocol !== "file:" && origin !== location.origin) return;
  if (data?.room === "turn" && (data.by === 1 || data.by === -1)) turn(data.by);
});
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { n: 1, p: -1 }[event.key];
  if (by) turn(by);
});
mark(-1);
})();
