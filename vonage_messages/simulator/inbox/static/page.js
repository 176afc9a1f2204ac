// The inbox: links that change parts of the page, live updates, and the keyboard.

import { compose, reply } from "./compose.js";
import { release } from "./release.js";
import { act, attempt, byId, control, key, live, run } from "./shared.js";
import { morph, parse } from "./morph.js";

const panes = () => byId("panes");
const scroll = () => byId("scroll");
const atEnd = () => !scroll() || scroll().scrollHeight - scroll().scrollTop - scroll().clientHeight < 80;
const toEnd = () => { if (scroll()) scroll().scrollTop = scroll().scrollHeight; };
const conversation = () => byId("composer")?.dataset.keep ?? byId("phone")?.querySelector("[data-testid=person]")?.textContent;

let loading = 0;
let moving = false;

async function show(address, { moved }) {
  const number = ++loading;
  moving ||= moved; // what overtakes a move draws the page that was moved to
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status}`);
  const fresh = parse(await answer.text());
  if (number !== loading) return;
  const arrived = moving;
  moving = false;
  const before = { who: conversation(), end: atEnd(), last: last()?.id };
  document.title = fresh.title;
  morph(panes(), fresh.getElementById("panes"));
  if (arrived) form(fresh);
  if (conversation() !== before.who || (before.end && !arrived)) toEnd();
  if (arrived) choose();
  else announce(before.last, before.who);
}

function form(fresh) {
  const bar = document.querySelector("[data-filter]");
  const wanted = fresh.querySelector("[data-filter]");
  for (const name of ["q", "status", "direction"]) {
    if (document.activeElement !== bar.elements[name]) bar.elements[name].value = wanted.elements[name].value;
  }
}

const last = () => byId("bubbles")?.querySelector(":scope > li:last-child");

function announce(before, who) {
  const newest = last();
  if (!newest || newest.id === before || who !== conversation()) return;
  const said = [...newest.querySelectorAll(".bubble > :not(.meta, .reactions, .quote)")].map((each) => each.textContent);
  const words = said.join(" ") || newest.textContent;
  byId("announce").textContent = `New message: ${words.replace(/\s+/g, " ").trim().slice(0, 160)}`;
}

function choose() {
  const chosen = document.querySelector("[data-chosen]");
  if (chosen) chosen.scrollIntoView({ block: "nearest" });
  else toEnd();
}

export function go(address) {
  history.pushState({}, "", address);
  return attempt(() => show(address, { moved: true }));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(link.href);
});
addEventListener("popstate", () => attempt(() => show(location.href, { moved: true })));

// Filters: at once for the lists, a moment after the last key for the words.
const bar = document.querySelector("[data-filter]");
function filter() {
  const address = new URL(location.href);
  for (const name of ["q", "status", "direction"]) {
    const value = bar.elements[name].value.trim();
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  address.searchParams.delete("start");
  go(address.href);
}
let typing = 0;
bar.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); filter(); });
bar.addEventListener("change", (event) => { if (event.target.matches("select")) filter(); });
bar.elements.q.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 250); });

// Live: what happens in a burst is drawn once, and drawing never takes more than a part of the time.
let due = 0;
let took = 0;
function soon() {
  if (due) return;
  due = setTimeout(async () => {
    const begun = performance.now();
    due = -1;
    try { await show(location.href, { moved: false }); } catch { /* the line that says so is the connection */ }
    took = performance.now() - begun;
    due = 0;
    if (heard) { heard = false; soon(); }
  }, Math.max(80, Math.min(2000, took * 8)));
}
let heard = false;
function hear() {
  if (due === -1) heard = true;
  else soon();
}
live(panes().dataset.number, hear, hear);

// A file from elsewhere is fetched by the browser, after a question, in a frame of its own.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-load]");
  if (!button) return;
  const holder = button.closest(".frame");
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "");
  frame.title = `From ${button.dataset.host}`;
  frame.src = button.dataset.load;
  holder.replaceChildren(frame);
  holder.classList.add("loaded");
});

act("clear", () => byId("sure").showModal());
byId("sure").addEventListener("close", async () => {
  if (byId("sure").returnValue !== "clear") return;
  byId("sure").returnValue = "";
  await attempt(() => control("POST", "/_simulator/reset"), "Cleared");
  go("/");
});

compose();
release();

// The keyboard.
function step(links, forward) {
  const current = links.findIndex((each) => each.getAttribute("aria-current") === "true");
  const next = links[current < 0 ? 0 : current + (forward ? 1 : -1)];
  if (next) next.click();
  next?.focus();
}
const rows = () => [...document.querySelectorAll("#list a.row")];
function message(forward) {
  const all = [...document.querySelectorAll("#bubbles .bubble")];
  const current = all.indexOf(document.activeElement?.closest?.(".bubble"));
  const next = current < 0 ? all.at(-1) : all[current + (forward ? 1 : -1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
const focused = () => document.activeElement?.closest?.("li.message") ?? [...document.querySelectorAll("#bubbles li.message")].at(-1);
key("/", () => bar.elements.q.focus());
key("j", () => step(rows(), true));
key("k", () => step(rows(), false));
key("n", () => message(true));
key("p", () => message(false));
key("i", () => focused()?.querySelector(".inspect")?.click());
key("r", () => { const button = focused()?.querySelector("[data-act=reply]"); if (button) reply(button); });
key("c", () => byId("say")?.focus());
key("w", () => run("new"));
key("Escape", () => (document.querySelector(".inspect-head a") ?? document.querySelector(".phone-head .back"))?.click());

toEnd();
choose();
