// Makes elements. Text goes in as text: no data of a request or of a log line is ever read as HTML.

// el makes an element: properties are set as properties, those with a dash as attributes; children are nodes or texts.
export function el(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "class") e.className = value;
    else if (name.includes("-") || name === "role") e.setAttribute(name, value);
    else e[name] = value;
  }
  e.append(...children.filter((c) => c !== undefined && c !== null && c !== ""));
  return e;
}

export const byId = (id) => document.getElementById(id);

// say sets a text only where it differs, so that an unchanged page costs nothing.
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// mark sets an attribute, or takes it away for undefined and false.
export function mark(e, name, value) {
  if (value === undefined || value === false || value === null) {
    if (e.hasAttribute(name)) e.removeAttribute(name);
  } else if (e.getAttribute(name) !== String(value)) {
    e.setAttribute(name, String(value));
  }
}
