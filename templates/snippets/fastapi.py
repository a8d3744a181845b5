# FastAPI: a page that shows which copy of the server answered. Save this as served_by.py beside your app, and there add
#
#     from served_by import router
#     app.include_router(router)
#
# then open /served-by and reload.
import os

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()


@router.get("/served-by", response_class=HTMLResponse)
def served_by(request: Request):
    # The port of the socket that the request came in on, and not the one in the browser's address: that is the balancer's.
    port = os.environ.get("LBDEV_PORT") or request.scope["server"][1]
    return HTMLResponse(f"<h1>Served on port {port}</h1>", headers={"Cache-Control": "no-store"})  # a reload asks again
