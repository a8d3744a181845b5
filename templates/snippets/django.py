# Django: a page that shows which copy of the server answered. Save this as served_by.py beside settings.py, and in urls.py add
#
#     from .served_by import served_by
#     urlpatterns += [path("served-by/", served_by)]
#
# then open /served-by/ and reload.
import os

from django.http import HttpResponse


def served_by(request):
    # The port of the socket that the request came in on, and not the one in the browser's address: that is the balancer's.
    port = os.environ.get("LBDEV_PORT") or request.META["SERVER_PORT"]
    response = HttpResponse(f"<h1>Served on port {port}</h1>")
    response["Cache-Control"] = "no-store"  # a reload asks again
    return response
