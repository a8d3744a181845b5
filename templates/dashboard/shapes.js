// The shapes of the marks. Each draws many at once: points are x, y, x, y, …

const round = 2 * Math.PI;

const shapes = {
  ok: (c, x, y, s) => {
    c.moveTo(x + s, y);
    c.arc(x, y, s, 0, round);
  },
  rescued: (c, x, y, s) => {
    c.moveTo(x, y - s * 1.3);
    c.lineTo(x + s * 1.3, y);
    c.lineTo(x, y + s * 1.3);
    c.lineTo(x - s * 1.3, y);
    c.closePath();
  },
  failed: (c, x, y, s) => {
    c.moveTo(x - s, y - s);
    c.lineTo(x + s, y + s);
    c.moveTo(x + s, y - s);
    c.lineTo(x - s, y + s);
  },
  cut: (c, x, y, s) => {
    c.moveTo(x, y - s);
    c.arc(x, y, s, -Math.PI / 2, Math.PI / 2, true);
    c.closePath();
  },
  canceled: (c, x, y, s) => {
    c.moveTo(x - s, y);
    c.lineTo(x + s, y);
  },
};
shapes.held = shapes.ok;

// shape draws the marks of an outcome in an ink. A cross is always in the colour of what is bad.
export function shape(c, outcome, points, size, ink, inks) {
  const path = shapes[outcome] ?? shapes.ok;
  c.beginPath();
  for (let i = 0; i < points.length; i += 2) path(c, points[i], points[i + 1], size);
  c.fillStyle = c.strokeStyle = outcome === "failed" || outcome === "cut" ? inks.bad : ink;
  if (outcome === "failed" || outcome === "canceled" || outcome === "held") {
    c.lineWidth = Math.max(1, size / 2);
    c.stroke();
    return;
  }
  c.fill();
  if (outcome === "ok") return;
  c.lineWidth = 1;
  c.strokeStyle = outcome === "rescued" ? inks.fg : inks.bad;
  c.stroke();
  if (outcome !== "cut") return;
  c.beginPath();
  for (let i = 0; i < points.length; i += 2) shapes.ok(c, points[i], points[i + 1], size);
  c.stroke();
}
