// Copies a text, or shows it to be copied by hand where the browser doesn't let a page do it.

import { byId } from "./dom.js";
import { toast } from "./toast.js";

export async function copyText(text, hint) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied", hint, "good");
  } catch {
    byId("copy-text").value = text;
    byId("copy").showModal();
    byId("copy-text").select();
    if (hint) toast("Not all of it", hint);
  }
}
