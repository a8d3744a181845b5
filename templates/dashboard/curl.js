// Writes a request as a curl command for a POSIX shell.

// Headers that curl makes itself, or that concern one connection only.
const own = /^(host|content-length|connection|keep-alive|transfer-encoding|upgrade|te|trailer|proxy-.*|accept-encoding|x-forwarded-.*)$/i;
const secret = /^(cookie|authorization)$/i;

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// curl also says whether secrets had to be left out because they are hidden.
export function curl(r, front) {
  const words = ["curl -i --globoff --path-as-is"];
  const hasBody = Boolean(r.request_body?.text);
  if (r.method === "HEAD") words.push("--head");
  else if (r.method !== (hasBody ? "POST" : "GET")) words.push(`-X ${quote(r.method)}`);
  let without = false;
  for (const [name, value] of r.request_headers ?? []) {
    if (/^accept-encoding$/i.test(name)) words.push("--compressed");
    if (own.test(name)) continue;
    if (secret.test(name) && /^…|…$/.test(value)) without = true;
    else words.push(`-H ${quote(value === "" ? `${name};` : `${name}: ${value}`)}`);
  }
  if (r.host && !front.endsWith(`//${r.host}`)) words.push(`-H ${quote(`Host: ${r.host}`)}`);
  if (hasBody) words.push(`--data-raw ${quote(r.request_body.text)}`);
  words.push(quote(front.replace(/\/$/, "") + r.path));
  return { text: words.join(" \\\n  "), without };
}
