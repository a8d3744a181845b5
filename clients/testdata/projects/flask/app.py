from flask import Flask, request

app = Flask(__name__)


@app.route("/")
def index():
    return f'<p id="port">{request.environ["SERVER_PORT"]}</p>\n'
