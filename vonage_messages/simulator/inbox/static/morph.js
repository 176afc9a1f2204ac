// Turns the page that is shown into the page that was fetched, touching only what differs: focus, scroll positions,
// open parts and files that were loaded stay. Elements are matched by id, else by place.

// The one place where text becomes elements. The server has escaped it, and the page's policy lets no script in it run.
const policy = globalThis.trustedTypes?.createPolicy("inbox", { createHTML: (text) => text });

export function parse(text) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
}

const KEPT = new Set(["open", "value", "checked", "data-theme"]);

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (fresh.dataset.keep !== undefined) {
    // What somebody has begun belongs to what it was begun for.
    if (old.dataset.keep !== fresh.dataset.keep) old.replaceWith(document.importNode(fresh, true));
    else for (const name of ["person", "company", "channel"]) if (fresh.dataset[name]) old.dataset[name] = fresh.dataset[name];
    return;
  }
  attributes(old, fresh);
  children(old, fresh);
}

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function children(old, fresh) {
  const named = new Map();
  for (const child of old.children) if (child.id) named.set(child.id, child);
  let place = old.firstChild;
  for (const wanted of fresh.childNodes) {
    const id = wanted.nodeType === Node.ELEMENT_NODE ? wanted.id : "";
    const known = id ? named.get(id) : place;
    if (known && (id || !known.id)) {
      if (known === place) place = place.nextSibling;
      else old.insertBefore(known, place);
      morph(known, wanted);
    } else {
      old.insertBefore(document.importNode(wanted, true), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}
