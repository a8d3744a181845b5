let port = 0;

export default {
  onListen(address: Deno.NetAddr) {
    port = address.port;
  },
  fetch: () => new Response(`<p id="port">${port}</p>\n`, { headers: { "Content-Type": "text/html" } }),
} satisfies Deno.ServeDefaultExport;
