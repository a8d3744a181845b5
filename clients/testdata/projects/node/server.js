const http = require("http");

const server = http.createServer((req, res) => {
  res.setHeader("Content-Type", "text/html");
  res.end(`<p id="port">${req.socket.localPort}</p>\n`);
});
server.listen(process.env.PORT || 3000);
