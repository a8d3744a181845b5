// Writes a request as a curl command for a POSIX shell.

// Headers that curl makes itself, or that concern one connection only.
const own = /^(host|content-length|connection|keep-alive|transfer-encoding|upgrade|te|trailer|expect|proxy-.*|accept-encoding|x-forwarded-.*)$/i;

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// curl also says what had to be left out.
export function curl(r, front) {
  const words = ["curl -i --globoff --path-as-is"];
  const body = r.request_body;
  const hasBody = Boolean(body?.text) && !body.cut && !body.hidden && !body.note;
  const without = body && !hasBody ? ["its body"] : [];
  if (r.path.includes("=***")) without.push("the secrets in its path");
  if (r.method === "HEAD") words.push("--head");
  else if (r.method !== (hasBody ? "POST" : "GET")) words.push(`-X ${quote(r.method)}`);
  for (const { name, value, hidden } of r.request_headers ?? []) {
    if (/^accept-encoding$/i.test(name)) words.push("--compressed");
    if (own.test(name)) continue;
    if (hidden) without.push(name);
    else words.push(`-H ${quote(value === "" ? `${name};` : `${name}: ${value}`)}`);
  }
  const typed = r.request_headers?.some((f) => /^content-type$/i.test(f.name));
  if (hasBody && !typed) words.push("-H 'Content-Type:'"); // which curl would invent
  if (r.host && !front.endsWith(`//${r.host}`)) words.push(`-H ${quote(`Host: ${r.host}`)}`);
  if (hasBody) words.push(`--data-raw ${quote(body.text)}`);
  words.push(quote(front.replace(/\/$/, "") + r.path));
  return { text: words.join(" \\\n  "), without };
}
