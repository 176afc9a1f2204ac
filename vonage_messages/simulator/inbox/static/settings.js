// The settings: each form is a request to the control API, and each list is what it answers.

import { act, attempt, byId, control, live } from "./shared.js";

const form = (name) => document.querySelector(`[data-form=${name}]`);
const given = (pairs) => Object.fromEntries(Object.entries(pairs).filter(([, value]) => value !== "" && value !== undefined));
const number = (text) => (text === "" || text === undefined ? undefined : Number(text));
let kinds = {};

const submits = {
  webhooks: ({ status_url, inbound_url, version }) => control("PATCH", "/_simulator/settings", {
    webhooks: { status_url: status_url || null, inbound_url: inbound_url || null, version },
  }),
  faults: ({ probability, count, seconds, status, ...selects }) => control("POST", "/_simulator/faults", given({
    ...selects, probability: number(probability), count: number(count), seconds: number(seconds), status: number(status),
  })),
  failures: ({ code, status, channel, to }) => control("POST", "/_simulator/failures", given({ code: Number(code), status, channel, to })),
  delivery: (fields) => control("PATCH", "/_simulator/settings", {
    delivery: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Number(value)])),
  }),
  people: ({ channel, to, reads_share, reads_after, deed, words, share, after }) => {
    const habit = given({ channel, to, reads: { share: Number(reads_share), after: Number(reads_after) } });
    const name = { answers: "text", taps: "label", reacts: "emoji", stops: "text" }[deed];
    if (deed) habit[deed] = [given({ [name]: words, share: Number(share), after: Number(after) })];
    return control("POST", "/_simulator/people", habit);
  },
  // What is as it was shown is not sent: a rate would lose its burst, and what was spent meanwhile would come back.
  account: ({ rate, balance }) => control("PATCH", "/_simulator/settings", {
    ...(isChanged("account", "rate") && { rate: rate === "" ? null : Number(rate) }),
    ...(isChanged("account", "balance") && { balance: balance || null }),
  }),
  clock: ({ seconds }) => control("POST", "/_simulator/clock/advance", { seconds: Number(seconds) }),
  templates: async (fields) => {
    await control("POST", "/inbox/templates", fields);
    location.assign("/inbox/settings#templates");
    location.reload();
  },
};

document.addEventListener("submit", async (event) => {
  const name = event.target.dataset.form;
  if (!name) return;
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  const done = await attempt(() => submits[name](fields), "Saved");
  if (!done) return;
  // What was sent is as it is now; what somebody has written meanwhile was not sent.
  const sent = Object.entries(fields).map(([key, value]) => [event.target.elements[key], value]);
  for (const [field, value] of sent) field.defaultValue = value;
  if (sent.every(([field, value]) => field.value === value)) delete event.target.dataset.touched;
  refresh();
});
// What somebody has begun to write stays as it is, whatever else changes meanwhile.
document.addEventListener("input", ({ target }) => { if (target.form?.dataset.form) target.form.dataset.touched = ""; });

act("clear-faults", async () => { await attempt(() => control("DELETE", "/_simulator/faults"), "No faults"); refresh(); });
act("clear-people", async () => { await attempt(() => control("DELETE", "/_simulator/people"), "Nobody has habits"); refresh(); });
act("recover", async () => { await attempt(() => control("DELETE", "/_simulator/failures"), "All arrive again"); refresh(); });

function line(words, remove) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  text.textContent = words;
  item.append(text);
  if (remove) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove: ${words}`);
    button.addEventListener("click", async () => { await attempt(remove, "Removed"); refresh(); });
    item.append(button);
  }
  return item;
}

const rest = (fields) => Object.entries(fields).filter(([, value]) => value !== null && value !== false).map(([name, value]) => `${name} ${value}`).join(", ");

function list(id, items, none) {
  byId(id).replaceChildren(...(items.length ? items : [line(none)]));
}

async function faults() {
  const { items, kinds: known } = await control("GET", "/_simulator/faults");
  if (!Object.keys(kinds).length) {
    kinds = known;
    byId("fault-kind").replaceChildren(...Object.keys(kinds).map((kind) => new Option(kind.replaceAll("_", " "), kind)));
    says();
  }
  list("fault-list", items.map(({ number: id, struck, spent, fault: { kind, ...more } }) => line(
    `${kind.replaceAll("_", " ")}: ${rest(more) || "always"}. Struck ${struck === 1 ? "once" : `${struck} times`}${spent ? ", spent" : ""}`,
    () => control("DELETE", `/_simulator/faults/${id}`),
  )), "Nothing goes wrong on purpose.");
}
const [timed, coded] = ["timed", "coded"].map((name) => new Set(form("faults").dataset[name].split(" ")));
const says = () => {
  const kind = byId("fault-kind").value;
  byId("fault-says").textContent = kinds[kind] ?? "";
  form("faults").elements.seconds.disabled = !timed.has(kind);
  form("faults").elements.status.disabled = !coded.has(kind);
};
byId("fault-kind").addEventListener("change", says);

async function failures() {
  const { items } = await control("GET", "/_simulator/failures");
  list("failure-list", items.map((each) => line(rest(each))), "Every message arrives.");
}

async function people() {
  const { items } = await control("GET", "/_simulator/people");
  list("people-list", items.map(({ to, channel, ...does }) => line(
    `${to ?? "Everybody"}${channel ? ` on ${channel}` : ""}: ${Object.entries(does).map(([what, how]) => `${what} ${JSON.stringify(how)}`).join("; ")}`,
  )), "Nobody does anything by themselves.");
}

function fill(name, fields) {
  if (form(name).dataset.touched !== undefined) return;
  for (const [key, value] of Object.entries(fields)) {
    const field = form(name).elements[key];
    if (field) field.value = field.defaultValue = value ?? "";
  }
}
const isChanged = (name, key) => { const field = form(name).elements[key]; return field.value !== field.defaultValue; };

async function settings() {
  const now = await control("GET", "/_simulator/settings");
  fill("webhooks", now.webhooks);
  fill("delivery", now.delivery);
  fill("account", { rate: now.rate, balance: now.balance });
  form("clock").hidden = !(await control("GET", "/_simulator/clock")).manual;
}

function refresh() {
  for (const work of [settings, faults, failures, people]) work().catch(() => undefined);
}

refresh();
const changes = new Set(["faults", "settings"]);
live(document.querySelector("main").dataset.number, ({ kind }) => { if (changes.has(kind)) refresh(); }, refresh);
