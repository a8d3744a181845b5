# Flask: a page that shows which copy of the server answered. Save this as served_by.py beside your app, and there add
#
#     from served_by import served_by
#     app.add_url_rule("/served-by", view_func=served_by)
#
# then open /served-by and reload.
import os

from flask import make_response, request


def served_by():
    # The port of the socket that the request came in on, and not the one in the browser's address: that is the balancer's.
    port = os.environ.get("LBDEV_PORT") or request.environ["SERVER_PORT"]
    response = make_response(f"<h1>Served on port {port}</h1>")
    response.headers["Cache-Control"] = "no-store"  # a reload asks again
    return response
