const server = Bun.serve({
  hostname: "127.0.0.1",
  port: process.env.PORT,
  fetch: () => new Response(`<p id="port">${server.port}</p>\n`, { headers: { "Content-Type": "text/html" } }),
});
