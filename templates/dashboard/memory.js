// Remembers how someone likes the page. Where the browser forbids that, it is forgotten.

const prefix = "lbdev.";

export function recall(name) {
  try {
    return localStorage.getItem(prefix + name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(prefix + name, value);
  } catch {
    // Then it holds until the page is loaded again.
  }
}
