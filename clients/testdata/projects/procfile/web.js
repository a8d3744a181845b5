const port = process.argv[process.argv.indexOf("--port") + 1];

require("http")
  .createServer((req, res) => res.end(`<p id="port">${req.socket.localPort}</p>\n`))
  .listen(port, "127.0.0.1");
