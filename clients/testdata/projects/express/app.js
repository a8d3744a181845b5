const express = require("express");

const app = express();
app.get("/", (req, res) => res.send(`<p id="port">${req.socket.localPort}</p>\n`));
app.listen(process.env.PORT || 3000);
