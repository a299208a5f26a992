// What several explorables draw alike: two classes told apart by shape and colour, shades of certainty, arrows.
import { COLOURS, draw, html } from "./play.js";

/** Circles are class 0, filled diamonds class 1: told apart without colour too. */
export function mark(cx, cy, target, size = 4, more = {}) {
  if (target === 0) return draw("circle", { cx, cy, r: size, fill: COLOURS.paper, stroke: COLOURS.model, "stroke-width": size > 3 ? 1.6 : 1.2, ...more });
  const r = 1.35 * size;
  return draw("path", { d: `M${cx.toFixed(1)} ${(cy - r).toFixed(1)}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`, fill: COLOURS.event, stroke: COLOURS.paper, "stroke-width": 0.8, ...more });
}

/** A line above a figure that says what its signs mean: key([[svg shapes within 20 x 14, words], ...]). */
export const key = (entries) => html("p", { style: "display:flex;flex-wrap:wrap;gap:2px 22px;margin:6px 0 4px;font:14px/1.5 var(--sans);color:var(--soft)" },
  entries.map(([shapes, words]) => html("span", { style: "display:inline-flex;align-items:center;gap:7px" }, draw("svg", { width: 20, height: 14, viewBox: "0 0 20 14", "aria-hidden": "true" }, shapes), words)));
export const key_of_classes = (classes) => [[mark(10, 7, 0), classes[0]], [mark(10, 7, 1), classes[1]]];

/** Words with a look of their own; the style sheet decides what is not wished. */
export const words_at = (x, y, words, { size, colour, weight, anchor, halo = 0, ...more } = {}) => draw("text", { x, y, style: [size && `font-size:${size}px`, colour && `fill:${colour}`, weight && `font-weight:${weight}`].filter(Boolean).join(";") || null, "text-anchor": anchor, "paint-order": halo ? "stroke" : null, stroke: halo ? COLOURS.paper : null, "stroke-width": halo || null, "stroke-linejoin": halo ? "round" : null, ...more }, words);
/** The same on top of lines and points, readable on any ground. */
export const label = (x, y, words, wished = {}) => words_at(x, y, words, { halo: 4, ...wished });

/** An arrow from one place to another; nothing if it would be shorter than its head. */
export function arrow(x1, y1, x2, y2, colour, width = 2.4, more = {}) {
  const length = Math.hypot(x2 - x1, y2 - y1), head = Math.min(4 + 1.6 * width, length);
  if (length < 2) return draw("g");
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length], [bx, by] = [x2 - head * ux, y2 - head * uy], side = 0.55 * head;
  return draw("g", more, draw("line", { x1, y1, x2: bx, y2: by, stroke: colour, "stroke-width": width }),
    draw("path", { d: `M${x2} ${y2}L${bx - side * uy} ${by + side * ux}L${bx + side * uy} ${by - side * ux}z`, fill: colour }));
}

const LOW = [27, 85, 131], HIGH = [196, 88, 26];
/** Blue below one half, white there, orange above it. */
export function shade(share, strength = 0.45) {
  const end = share < 0.5 ? LOW : HIGH, much = strength * Math.abs(2 * share - 1);
  return end.map((part) => Math.round(255 + much * (part - 255)));
}

/** Bytes from base64. */
export const unpacked = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));

/** A picture as an address, from rows of anything and the colour of each: three numbers up to 255. */
export function painted(rows, colour) {
  const canvas = html("canvas", { width: rows[0].length, height: rows.length }), brush = canvas.getContext("2d"), shown = brush.createImageData(rows[0].length, rows.length);
  rows.flat(1).forEach((value, k) => shown.data.set([...colour(value), 255], 4 * k));
  brush.putImageData(shown, 0, 0);
  return canvas.toDataURL();
}

const small = document.createElement("canvas");
/** Paints a square of n x n bytes, rows from the top, into a place of a canvas, smoothly. */
export function paint(context, bytes, n, x, y, size, colour = shade) {
  small.width = small.height = n;
  const pixels = new ImageData(n, n), known = table(colour);
  for (let k = 0; k < n * n; k += 1) pixels.data.set(known[bytes[k]], 4 * k);
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0.5, 0.5, n - 1, n - 1, x, y, size, size);
}
const tables = new Map();
function table(colour) {
  if (!tables.has(colour)) tables.set(colour, Array.from({ length: 256 }, (_, k) => [...colour(k / 255), 255]));
  return tables.get(colour);
}

/** A canvas behind a drawing of the same shape; its pixels are those of the screen. */
export function canvas_behind(svg, width, height, words) {
  const sharp = Math.min(2, Math.max(1, window.devicePixelRatio || 1));
  const canvas = html("canvas", { width: width * sharp, height: height * sharp, "aria-label": words, role: "img", style: "position:absolute;left:0;top:0;width:100%;height:100%" });
  const context = canvas.getContext("2d");
  context.scale(sharp, sharp);
  svg.style.position = "relative";
  return [html("div", { style: `position:relative;max-width:${width}px` }, canvas, svg), context];
}

/** Moves with the mouse, a finger or the arrow keys; `move(dx, dy, place)` gets what a key wished, or where the pointer is. */
export function movable(element, svg, { by_key, to }) {
  const at = (event) => { const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()); return [point.x, point.y]; };
  element.style.cursor = "grab";
  element.style.touchAction = "none";
  element.addEventListener("pointerdown", (event) => { element.setPointerCapture(event.pointerId); element.focus({ preventScroll: true }); event.preventDefault(); });
  element.addEventListener("pointermove", (event) => { if (element.hasPointerCapture(event.pointerId)) to(...at(event)); });
  element.addEventListener("keydown", (event) => {
    const wish = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 5], PageDown: [0, -5] }[event.key];
    if (!wish) return;
    event.preventDefault();
    by_key(...wish);
  });
}
