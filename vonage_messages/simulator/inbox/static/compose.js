// Writing as the person: everything goes through the control API, as a test would do it.

import { act, attempt, byId, control } from "./shared.js";

const LARGEST = 700_000;
let reactingTo = null;

const form = () => byId("composer");

async function send(message) {
  const { channel, person, company } = form().dataset;
  const sent = await attempt(() => control("POST", "/_simulator/inbound", { channel, from: person, to: company, ...message }));
  if (sent) forget();
  return sent;
}

// Which message is answered stands at the composer, and goes with it.
const answering = () => form()?.dataset.answering;

function forget() {
  delete form()?.dataset.answering;
  const box = form()?.querySelector(".answering");
  if (box) box.hidden = true;
}

export function reply(button) {
  form().dataset.answering = button.dataset.uuid;
  const box = form().querySelector(".answering");
  box.querySelector("[data-answering]").textContent = button.dataset.preview;
  box.hidden = false;
  byId("say").focus();
}

function write(text) {
  const message = { message_type: "text", fields: { text } };
  if (answering()) message.reply_to = answering();
  return send(message);
}

async function tap(button) {
  const { message_type, fields } = JSON.parse(button.dataset.tap);
  button.disabled = true;
  await send({ message_type, fields, reply_to: button.dataset.replyTo });
  button.disabled = false;
  button.closest("details.menu")?.removeAttribute("open");
}

function pick(kind) {
  const input = byId("file");
  input.accept = { image: "image/*", video: "video/*", audio: "audio/*", vcard: ".vcf", sticker: "image/webp" }[kind] ?? "";
  input.value = "";
  input.onchange = async () => {
    const [file] = input.files;
    if (!file) return;
    if (file.size > LARGEST) {
      await attempt(() => { throw new Error(`${file.name} is larger than ${LARGEST / 1000} kB`); });
      return;
    }
    const media = { content_base64: await base64(file), content_type: file.type || "application/octet-stream", name: file.name };
    await send({ message_type: kind, fields: {}, media, ...(answering() ? { reply_to: answering() } : {}) });
  };
  input.click();
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

const given = (pairs) => Object.fromEntries(Object.entries(pairs).filter(([, value]) => value !== ""));

const dialogs = {
  location: ({ lat, long, ...named }) => send({
    message_type: "location",
    fields: { location: { lat: Number(lat), long: Number(long), ...given(form().dataset.channel === "rcs" ? {} : named) } },
  }),
  contact: ({ name, phone }) => send({
    message_type: "contacts",
    fields: { contacts: [{ name: { formatted_name: name }, phones: [{ phone, type: "home" }] }] },
  }),
  new: async ({ channel, from, to, text }) => {
    const sent = await attempt(() => control("POST", "/_simulator/inbound", { channel, from, to, message_type: "text", fields: { text } }));
    if (!sent) return;
    const { go } = await import("./page.js");
    go(`/?c=${encodeURIComponent(`${channel}:${from}`)}`);
  },
};

export function compose() {
  act("reply", reply);
  act("unreply", forget);
  act("new", () => byId("new").showModal());
  act("react", (button) => {
    reactingTo = button.dataset.uuid;
    byId("emoji").showPopover();
    const place = button.getBoundingClientRect();
    const box = byId("emoji");
    box.style.left = `${Math.max(8, Math.min(innerWidth - box.offsetWidth - 8, place.left - 120))}px`;
    box.style.top = `${Math.max(8, place.top - box.offsetHeight - 6)}px`;
    box.querySelector("button").focus();
  });

  document.addEventListener("submit", async (event) => {
    if (event.target.id !== "composer") return;
    event.preventDefault();
    const field = byId("say");
    const text = field.value;
    if (!text.trim()) return;
    field.value = "";
    if (!await write(text)) field.value = text;
    // Whoever has gone elsewhere meanwhile stays there.
    if (form()?.contains(document.activeElement)) field.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id === "say" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form().requestSubmit();
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tap], [data-say], [data-file], [data-dialog], [data-send], [data-emoji]");
    if (!button) return;
    const { say, file, dialog, send: kind, emoji } = button.dataset;
    if (file || dialog || kind) byId("attach").hidePopover();
    if (button.dataset.tap) tap(button);
    else if (say) write(say);
    else if (file) pick(file);
    else if (dialog) byId(dialog).showModal();
    else if (kind) send({ message_type: kind, fields: {} });
    else if (emoji !== undefined) {
      byId("emoji").hidePopover();
      const reaction = emoji ? { action: "react", emoji } : { action: "unreact" };
      send({ message_type: "reaction", fields: { reaction }, reply_to: reactingTo });
    }
  });
  for (const dialog of document.querySelectorAll("dialog:has(form[data-kind])")) {
    const inner = dialog.querySelector("form");
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "send") dialogs[inner.dataset.kind](Object.fromEntries(new FormData(inner)));
      dialog.returnValue = "";
    });
  }
  const channels = document.querySelector("#new select");
  channels?.addEventListener("change", () => {
    const chosen = channels.selectedOptions[0].dataset;
    channels.form.elements.from.value = chosen.person;
    channels.form.elements.to.value = chosen.company;
  });
}
