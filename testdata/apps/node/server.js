// A dev server as people write it: plain node:http, the port from the environment.
'use strict';
const http = require('node:http');

const port = Number(process.env.PORT || 3000);
const host = process.env.HOST || '127.0.0.1';
let hits = 0;

const server = http.createServer((req, res) => {
  hits++;
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname === '/state') {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ port: server.address().port, pid: process.pid, hits, host: req.headers.host }) + '\n');
    return;
  }
  if (url.pathname !== '/') {
    res.writeHead(404).end('no such page\n');
    return;
  }
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.end(`<!doctype html><title>${port}</title><h1 id="port" style="font:800 30vw system-ui;margin:0">${port}</h1>` +
    `<p>Node, pid <span id="pid">${process.pid}</span>, request ${hits} of this copy</p>\n`);
});

server.listen(port, host, () => {
  console.log(`Node app listening on http://${host}:${server.address().port}/`);
});

// Node ends at once on SIGTERM unless somebody lets the requests in flight end.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
