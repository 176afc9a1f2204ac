// Sending a captured message for real: first what it would mean, then, if it is confirmed, that and nothing else.

import { act, attempt, byId, control } from "./shared.js";

export function release() {
  const dialog = byId("release");
  const place = (name) => dialog.querySelector(`[data-quote=${name}]`);
  const again = dialog.querySelector("[data-again]");
  let quote = null;

  act("release", async (button) => {
    const path = `/_simulator/messages/${encodeURIComponent(button.dataset.uuid)}/release`;
    quote = await attempt(() => control("POST", `${path}/quote`));
    if (!quote) return;
    place("recipients").textContent = quote.recipients.join(", ");
    place("destination").textContent = quote.destination;
    place("cost").textContent = quote.cost ? `${quote.cost.at_most ? "at most " : ""}${quote.cost.amount} ${quote.cost.currency}` : "not known";
    place("notes").replaceChildren(...quote.notes.map((note) => {
      const item = document.createElement("li");
      item.textContent = note;
      return item;
    }));
    again.hidden = !quote.released.length;
    again.querySelector("input").checked = false;
    again.querySelector("input").required = Boolean(quote.released.length);
    dialog.showModal();
  });

  dialog.addEventListener("close", async () => {
    const wanted = dialog.returnValue === "release" ? quote : null;
    dialog.returnValue = "";
    quote = null;
    if (!wanted) return;
    const path = `/_simulator/messages/${encodeURIComponent(wanted.message_uuid)}/release`;
    const body = { token: wanted.token, again: again.querySelector("input").checked };
    await attempt(async () => {
      const { accepted, said } = await control("POST", path, body);
      if (!accepted) throw new Error(said);
    }, "Sent for real");
  });
}
