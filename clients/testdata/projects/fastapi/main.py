from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

app = FastAPI()


@app.get("/", response_class=HTMLResponse)
async def index(request: Request):
    return f'<p id="port">{request.scope["server"][1]}</p>\n'
