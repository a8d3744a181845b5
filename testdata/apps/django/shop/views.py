import os
import time
import uuid

from django.db.models import Count
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.http import require_POST

from shop.models import Order


def served_by(request):
    """The port of the socket that took the request.

    runserver's WSGI server puts its own listening port into SERVER_PORT, whatever the Host header says; the port that
    the user's browser sees is in get_host(). lbdev passes the same number as LBDEV_PORT.
    """
    return int(request.META["SERVER_PORT"])


@never_cache
@ensure_csrf_cookie
def index(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return render(
        request,
        "index.html",
        {
            "port": served_by(request),
            "pid": os.getpid(),
            "visits": request.session["visits"],
            "name": request.session.get("name"),
            "orders": Order.objects.order_by("-id")[:5],
            "key": uuid.uuid4(),
        },
    )


def record(request):
    """Writes the execution down first and works (?ms=) afterwards: a copy that dies while it works has taken the order."""
    placed = Order.objects.create(
        key=request.POST.get("key", "")[:100],
        item=request.POST.get("item", "")[:200],
        port=served_by(request),
        pid=os.getpid(),
    )
    time.sleep(min(int(request.GET.get("ms", 0)), 60_000) / 1000)
    return placed


@require_POST
def order(request):
    record(request)
    return redirect("index")


@csrf_exempt
@require_POST
def api_order(request):
    """The same without CSRF, for programs."""
    placed = record(request)
    return JsonResponse({"id": placed.id, "key": placed.key, "port": placed.port, "pid": placed.pid}, status=201)


@require_POST
def login(request):
    """Logs in by name alone. The session gets a new key, as Django's own login does."""
    request.session.cycle_key()
    request.session["name"] = request.POST.get("name", "")[:50]
    return redirect("index")


@require_POST
def logout(request):
    request.session.flush()
    return redirect("index")


@never_cache
def port(request):
    """The port alone, without session or database."""
    time.sleep(min(int(request.GET.get("ms", 0)), 60_000) / 1000)
    return HttpResponse("%d\n" % served_by(request), content_type="text/plain")


@never_cache
def ticks(request):
    """A page that is streamed: ?n= lines, one ?every= seconds, without tags, as tutorials do it. Its policy forbids every style."""

    def lines():
        for i in range(int(request.GET.get("n", 10))):
            yield "tick %d\n" % i
            time.sleep(float(request.GET.get("every", 0.2)))

    response = StreamingHttpResponse(lines())
    response["Content-Security-Policy"] = "default-src 'none'"
    return response


@never_cache
def state(request):
    """What this copy knows of the client, for programs."""
    return JsonResponse(
        {
            "port": served_by(request),
            "pid": os.getpid(),
            "host": request.get_host(),
            "lbdev_port": os.environ.get("LBDEV_PORT"),
            "visits": request.session.get("visits", 0),
            "name": request.session.get("name"),
        }
    )


@never_cache
def executions(request):
    """How often each key was executed; a POST that ran twice shows 2."""
    rows = Order.objects.values_list("key").annotate(Count("id")).order_by("key")
    return JsonResponse({"total": sum(n for _, n in rows), "keys": dict(rows)})
