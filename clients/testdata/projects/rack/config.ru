run ->(_env) { [200, { "content-type" => "text/html" }, ["<p id=\"port\">#{ENV["LBDEV_PORT"]}</p>\n"]] }
