// Keeps the connection to lbdev: opens the stream, notices when it breaks or falls silent, and opens it again.

const silence = 4000; // ms without a message after which a stream counts as broken; lbdev says something each second
const again = 2000; // ms between attempts

// A Live calls message with each message and changed with each state: "live", "stale" or "ended".
export class Live {
  constructor(url, message, changed) {
    Object.assign(this, { url, message, changed, state: "connecting", heard: Date.now(), opened: 0 });
  }

  start() {
    this.open();
    setInterval(() => this.check(), 1000);
  }

  open() {
    this.source?.close();
    this.opened = Date.now();
    const source = new EventSource(this.url);
    this.source = source;
    source.onmessage = (e) => this.source === source && this.hear(e.data);
    source.onerror = () => this.source === source && this.lose();
  }

  hear(data) {
    this.heard = Date.now();
    const message = JSON.parse(data);
    if (message.event === "end") {
      this.source.close();
      this.opened = this.heard; // the next attempt is due some time after the end
      this.enter("ended");
      return;
    }
    this.enter("live");
    this.message(message);
  }

  lose() {
    if (this.state === "live") this.opened = Date.now(); // the browser has its time to resume
    if (this.state !== "ended") this.enter("stale");
  }

  // check runs each second. The browser resumes a broken stream by itself; when it has given up, or hangs, a new one is opened.
  check() {
    const now = Date.now();
    if (this.state === "live") {
      if (now - this.heard <= silence) return;
      this.enter("stale");
    } else if (now - this.opened < again) {
      return;
    }
    const hangs = this.source.readyState !== EventSource.CLOSED && now - this.opened < silence;
    if (this.state === "ended" || !hangs) this.open();
  }

  enter(state) {
    if (state === this.state) return;
    const before = this.state;
    this.state = state;
    this.changed(state, before, this.heard);
  }
}
