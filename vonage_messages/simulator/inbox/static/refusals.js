// The refused requests, live.

import { byId, live } from "./shared.js";
import { morph, parse } from "./morph.js";

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.ok) morph(byId("refusals"), parse(await answer.text()).getElementById("refusals"));
}
let due = 0;
const soon = () => { due ||= setTimeout(async () => { await refresh().catch(() => undefined); due = 0; }, 200); };
live(document.querySelector("main").dataset.number, ({ kind }) => { if (kind === "refusal" || kind === "cleared") soon(); }, soon);
