// What every page has: the theme, the toast, copying, the help, and talking to the control API.

export const byId = (id) => document.getElementById(id);

let hidden = 0;
export function toast(text, bad = false) {
  const box = byId("toast");
  box.textContent = text;
  box.classList.toggle("bad", bad);
  box.hidden = false;
  clearTimeout(hidden);
  hidden = setTimeout(() => { box.hidden = true; }, bad ? 8000 : 2500);
}

export async function control(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined || method !== "GET") {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch(path, options);
  const text = await answer.text();
  let document_ = {};
  try { document_ = text ? JSON.parse(text) : {}; } catch { /* no JSON: the status says enough */ }
  if (!answer.ok) throw new Error(document_.detail || document_.title || `the simulator answered ${answer.status}`);
  return document_;
}

export async function attempt(work, done) {
  try {
    const result = await work();
    if (done) toast(done);
    return result;
  } catch (error) {
    toast(error.message, true);
    return undefined;
  }
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* only for this page, then */ }
  toast(dark ? "Light" : "Dark");
}

async function copy(id) {
  const text = byId(id)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text.trim());
    toast("Copied");
  } catch {
    getSelection().selectAllChildren(byId(id));
    toast("Marked: copy it with your keyboard");
  }
}

const acts = new Map([["theme", switchTheme], ["help", () => byId("help").showModal()]]);
export const act = (name, work) => acts.set(name, work);
export const run = (name, element) => acts.get(name)?.(element);

document.addEventListener("click", (event) => {
  const element = event.target.closest("[data-act], [data-copy]");
  if (!element) return;
  if (element.dataset.copy) copy(element.dataset.copy);
  else run(element.dataset.act, element);
});

const keysOn = byId("keys-on");
try { keysOn.checked = localStorage.getItem("keys") !== "off"; } catch { /* they are on */ }
keysOn.addEventListener("change", () => {
  try { localStorage.setItem("keys", keysOn.checked ? "on" : "off"); } catch { /* only for this page, then */ }
});

const keys = new Map([["t", switchTheme], ["?", () => run("help")]]);
export const key = (name, work) => keys.set(name, work);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const field = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "Escape") {
    // What lies on top is closed by the browser, and nothing below it.
    if (field) field.blur();
    else if (!document.querySelector("dialog[open], :popover-open")) keys.get("Escape")?.(event);
    return;
  }
  if (field || !keysOn.checked || document.querySelector("dialog[open]")) return;
  const work = keys.get(event.key);
  if (work) {
    event.preventDefault();
    work(event);
  }
});

export function live(after, hear, reset) {
  const source = new EventSource(`/_simulator/events?after=${encodeURIComponent(after)}`);
  const state = (name, word) => {
    byId("live").dataset.state = name;
    byId("live").querySelector(".live-word").textContent = word;
  };
  source.addEventListener("open", () => state("live", "live"));
  source.addEventListener("error", () => state("lost", "not connected"));
  source.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("reset", reset);
  addEventListener("pagehide", () => source.close());
  // A page that comes back from the browser's memory has missed what happened meanwhile.
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
}
