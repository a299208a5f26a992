// A drawn miniature of each member of the family album: what goes in, the machine, what comes out. Nothing is computed.
import { COLOURS, draw, picture } from "./play.js";

const { model: BLUE, event: ORANGE, soft: GREY, rule: PALE, paper: PAPER } = COLOURS;
const line = (x1, y1, x2, y2, more = {}) => draw("line", { x1, y1, x2, y2, stroke: GREY, "stroke-width": 1.2, ...more });
const box = (x, y, width, height, more = {}) => draw("rect", { x, y, width, height, fill: PAPER, stroke: GREY, "stroke-width": 1, ...more });
const dot = (cx, cy, r, more = {}) => draw("circle", { cx, cy, r, fill: BLUE, ...more });
const curve = (d, more = {}) => draw("path", { d, fill: "none", stroke: BLUE, "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", ...more });
const range = (count) => Array.from({ length: count }, (_, k) => k);
const arrow = (x, y = 48) => curve(`M${x} ${y}h9m-3 -3l3 3l-3 3`, { stroke: GREY, "stroke-width": 1.4 });
/** Even but not regular numbers from 0 to 1; the same at every visit. */
const even = (k) => Math.abs(Math.sin(12.9898 * (k + 1)) * 43758.5453) % 1;

const table = (x, y) => [range(4).map((row) => range(3).map((column) => box(x + 12 * column, y + 11 * row, 12, 11, { fill: row === 0 ? "#dce6ee" : PAPER, stroke: "#9aa3aa" })))];
/** A bar that says how probable. */
const gauge = (x, y, share = 0.72) => [box(x, y, 11, 44), draw("rect", { x: x + 1, y: y + 1 + 42 * (1 - share), width: 9, height: 42 * share, fill: ORANGE })];
/** A lesion in coarse pixels; `clear` 0 is nothing but noise. */
const pixels = (x, y, side = 6, clear = 1, shift = 0) => range(64).map((k) => {
  const [a, b] = [k % 8, Math.floor(k / 8)], spot = Math.exp(-((a - 3.5 - shift) ** 2 + (b - 3.7) ** 2) / 5.5);
  const dark = clear * spot + (1 - clear) * even(k) + 0.1 * (even(k + 70) - 0.5);
  return draw("rect", { x: x + side * a, y: y + side * b, width: side + 0.2, height: side + 0.2, fill: `rgb(${[236, 214, 196].map((light, c) => Math.round(light - Math.max(0, Math.min(1, dark)) * [130, 140, 140][c])).join(",")})` });
});
/** Layers of neurons from left to right, all joined to the next. */
function layers(sizes, x, step, y = 48, gap = 13, colour = BLUE) {
  const places = sizes.map((many, k) => range(many).map((i) => [x + k * step, y + (i - (many - 1) / 2) * gap]));
  const joins = places.slice(1).map((to, k) => places[k].map((a) => to.map((b) => line(...a, ...b, { stroke: "#9fb6c7", "stroke-width": 0.8 }))));
  return [joins, places.map((layer) => layer.map(([a, b]) => dot(a, b, 3.8, { fill: colour })))];
}

const DRAWINGS = {
  classic: () => [table(8, 26), arrow(50),
    box(66, 20, 56, 56, { stroke: PALE }), range(9).map((k) => dot(71 + 24 * even(k), 40 + 30 * even(k + 20), 2.4, { fill: PAPER, stroke: BLUE, "stroke-width": 1.4 })), range(9).map((k) => draw("path", { d: `M${96 + 22 * even(k + 5)} ${22 + 30 * even(k + 31)}l3 3l-3 3l-3 -3z`, fill: ORANGE })), line(76, 20, 117, 76, { stroke: COLOURS.ink, "stroke-width": 1.8 }), arrow(131), gauge(156, 26)],
  deep: () => [table(8, 26), arrow(50), layers([3, 4, 4, 1], 70, 17), arrow(131), gauge(156, 26)],
  cnn: () => [pixels(4, 24), draw("rect", { x: 16, y: 36, width: 18, height: 18, fill: "none", stroke: BLUE, "stroke-width": 2 }), arrow(58),
    [[74, 26, 44], [91, 33, 30], [104, 39, 18], [113, 43, 10]].map(([x, y, side], k) => range(3).map((i) => box(x + 3 * i, y - 3 * i + 3, side * 0.34, side, { fill: "#dce6ee", stroke: BLUE, "stroke-width": 1 }))), arrow(131), gauge(156, 26)],
  rnn: () => [curve("M4 50h10l3 -4l3 4h5l3 6l4 -32l5 38l3 -12h8", { stroke: ORANGE }), arrow(56),
    range(4).map((k) => [box(72 + 15 * k, 40, 10, 16, { stroke: BLUE, fill: "#dce6ee", rx: 2 }), k < 3 ? line(82 + 15 * k, 48, 87 + 15 * k, 48, { stroke: BLUE, "stroke-width": 1.6 }) : null, line(77 + 15 * k, 68, 77 + 15 * k, 57, { stroke: GREY })]), curve("M72 36c2 -14 52 -14 54 0", { "stroke-dasharray": "3 3" }), arrow(135), gauge(156, 26)],
  transformer: () => [range(5).map((k) => box(4, 20 + 12 * k, 18 + 26 * even(k + 3), 7, { fill: "#dce6ee", stroke: "none" })), arrow(54),
    range(5).map((a) => range(5).map((b) => line(76, 24 + 12 * a, 118, 24 + 12 * b, { stroke: BLUE, "stroke-width": 0.4 + 1.9 * even(5 * a + b) ** 3, opacity: 0.7 }))), range(5).map((k) => [dot(76, 24 + 12 * k, 3.6), dot(118, 24 + 12 * k, 3.6)]), arrow(131), range(5).map((k) => box(148, 20 + 12 * k, 18 + 12 * even(k + 9), 7, { fill: k === 2 ? ORANGE : "#f2dfd3", stroke: "none" }))],
  graph: () => {
    const ring = range(6).map((k) => [27 + 15 * Math.cos((k * Math.PI) / 3), 48 + 15 * Math.sin((k * Math.PI) / 3)]), tail = [50, 28];
    const links = [...ring.map((a, k) => [a, ring[(k + 1) % 6]]), [ring[5], tail]];
    const shape = (shift, asks) => [links.map(([a, b]) => line(a[0] + shift, a[1], b[0] + shift, b[1], asks && (a === asks || b === asks) ? { stroke: ORANGE, "stroke-width": 3 } : { stroke: GREY, "stroke-width": 1.6 })), [...ring, tail].map((at) => dot(at[0] + shift, at[1], at === asks ? 5.4 : 4, { fill: at === asks ? ORANGE : BLUE }))];
    return [shape(-4, null), arrow(56), shape(66, ring[5]), arrow(131), gauge(156, 26)];
  },
  autoencoder: () => [pixels(4, 30, 4.6), arrow(46), draw("path", { d: "M62 24L88 42V54L62 72Z", fill: "#dce6ee", stroke: BLUE }), range(3).map((k) => dot(92, 40 + 8 * k, 2.6, { fill: ORANGE })), draw("path", { d: "M122 24L96 42V54L122 72Z", fill: "#dce6ee", stroke: BLUE }), arrow(127), pixels(141, 30, 4.6, 0.93)],
  generative: () => [pixels(4, 30, 4.6, 0), arrow(46), range(3).map((k) => [pixels(60 + 24 * k, 39, 2.3, 0.25 + 0.27 * k, 0.3), k < 2 ? curve(`M${80 + 24 * k} 48h3`, { stroke: GREY, "stroke-width": 1.2 }) : null]), arrow(129), pixels(142, 30, 4.6, 0.97, 0.6)],
};

/** The drawing of a member, `width` units wide. */
export function drawing(member, width) {
  const canvas = picture(180, 96, `Drawn: ${member.goes_in} ${member.name}. ${member.comes_out}`);
  canvas.setAttribute("viewBox", "0 14 180 68");
  canvas.style.width = `${width}px`;
  canvas.append(...DRAWINGS[member.key]().flat(Infinity).filter((one) => one !== null));
  return canvas;
}
