// Express: a page that shows which copy of the server answered. Save this as servedBy.js beside your app, and there add
//
//     app.get("/served-by", require("./servedBy"));
//
// then open /served-by and reload. (With "type": "module" in package.json, call it servedBy.cjs and import it.)
module.exports = function servedBy(req, res) {
  // The port of the socket that the request came in on, and not the one in the browser's address: that is the balancer's.
  const port = process.env.LBDEV_PORT || req.socket.localPort;
  res.set("Cache-Control", "no-store"); // a reload asks again
  res.type("html").send(`<h1>Served on port ${port}</h1>`);
};
