// Loss landscape: a map of the loss over two weights, the walk of an optimiser on it, and the loss by step.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, choice, draw, figure, html, latest, number, numbers, path, picture, player, scale, show, slider } from "./play.js";
import { canvas_behind, key, label, mark, movable, paint, unpacked, words_at } from "./shapes.js";

const WIDTH = 490, HEIGHT = 480, NARROW = 290, TRACK = COLOURS.event;
const LANDS = [["valley", "A valley: two weights for diabetes"], ["saddle", "Two valleys: one hidden neuron"]];
const ABOUT = {
  valley: "Progression of diabetes from total cholesterol and LDL, which rise together: so the valley is narrow one way and flat the other.",
  saddle: "Breast masses, malignant or benign, by one hidden neuron: turning both signs gives the same network, so there are two valleys and a saddle between them.",
};
const KINDS = [["sgd", "Gradient descent"], ["momentum", "With momentum"], ["adam", "Adam"]];
const OUTCOME = { arrives: "Right", "has not arrived": "Not arrived", diverges: "Diverges" };
const ground = (share) => [27, 85, 131].map((part) => Math.round(255 + 0.78 * share ** 0.8 * (part - 255)));
const facts = html("div", { "aria-live": "polite" }), about = html("p", { style: "margin:6px 0 0;max-width:80ch" }), signs = html("div"), map = html("div", { style: "flex:1 1 470px;max-width:490px" }), falls = html("div", { style: "flex:1 1 270px;max-width:420px" });
const walked = draw("g"), top = draw("g");
let land, name = "valley", start, found, shown, x, y, handle;

begin(async () => {
  show(figure, facts, about, signs, html("div", { style: "display:flex;flex-wrap:wrap;gap:8px 18px;align-items:flex-start" }, map, falls));
  const rate = slider({ label: "Learning rate", min: -2.5, max: 0.7, step: 0.02, value: Math.log10(0.1), words: (v) => number(Number((10 ** v).toPrecision(3))), change: () => redraw() });
  const wanted = () => Number((10 ** rate.value).toPrecision(3));
  const presets = [["Too small", 0.01], ["Right", 0.5], ["Too large", 1.04]].map(([words, share]) => [words, () => { rate.set(Math.log10(share * land.limit)); redraw(); }]);
  buttons(...presets);
  const steps = slider({ label: "Steps", min: 5, max: 150, step: 5, value: 40, words: (v) => number(v), change: () => redraw() });
  const kind = choice({ label: "Optimiser", options: KINDS, value: "sgd", change: () => redraw() });
  choice({ label: "Landscape", options: LANDS, value: name, change: async (wished) => { name = wished; await survey(); } });
  const redraw = latest(async () => {
    walking.stop();
    found = await ask("go", { land: name, start, optimizer: kind.value, learning_rate: wanted(), steps: steps.value });
    if (!found) return;
    shown = found.path.length - 1;
    trace();
    const words = found.how === "arrives" ? `99 % of the way down after ${found.steps} steps` : found.how === "diverges" ? `${number(land.limit, 2)} is the most that the bottom allows` : `${number(100 * found.left, found.left < 0.1 ? 1 : 0)} % of the way down is left`;
    numbers(facts, [["Loss at the end", found.how === "diverges" && found.losses.at(-1) > 1e3 ? "beyond 1000" : number(found.losses.at(-1), 3)], ["Lowest possible", number(land.lowest, 3)], [kind.value === "sgd" || found.how !== "diverges" ? words : "each step lands higher", OUTCOME[found.how]]]);
  });
  const walking = player(async () => {
    if (shown >= found.path.length - 1) return false;
    shown += 1;
    trace();
    await new Promise((resolve) => setTimeout(resolve, 110));
    return true;
  }, (on) => { go.textContent = on ? "Stop" : "Walk step by step"; });
  const [go] = buttons(["Walk step by step", () => { if (!walking.running && shown >= found.path.length - 1) shown = 0; walking.toggle(); }, true], ["First start again", () => { start = land.start; place(); redraw(); }]);
  const survey = async () => {
    walking.stop();
    land = await ask("look", { land: name });
    if (!land) return;
    start = land.start;
    about.textContent = ABOUT[name];
    survey_map(redraw);
    await redraw();
  };
  await survey();
});

/** The ground: heights as shades, contour lines, the lowest place, and the start that can be moved. */
function survey_map(redraw) {
  const [[left, right], [low, high]] = land.view;
  x = scale([left, right], [44, WIDTH - 6]);
  y = scale([low, high], [HEIGHT - 46, 26]);
  const canvas = picture(WIDTH, HEIGHT, `Map of the loss over ${land.names[0].toLowerCase()} and ${land.names[1].toLowerCase()}, with contour lines and the path of the optimiser`);
  const [holder, context] = canvas_behind(canvas, WIDTH, HEIGHT, "Shades: the higher the loss, the darker");
  const n = land.n, small = document.createElement("canvas");
  small.width = small.height = 4 * n;
  paint(small.getContext("2d"), unpacked(land.heights), n, 0, 0, 4 * n, ground);
  context.drawImage(small, x(left), y(high), x(right) - x(left), y(low) - y(high));
  const lines = land.contours.flatMap((group) => group.map((points) => path(points, x, y, { stroke: COLOURS.model, "stroke-width": 0.8, opacity: 0.55 })));
  const inside = draw("clipPath", { id: "map" }, draw("rect", { x: x(left), y: y(high), width: x(right) - x(left), height: y(low) - y(high) }));
  handle = draw("circle", { r: 10, fill: COLOURS.paper, stroke: TRACK, "stroke-width": 4, tabindex: 0, role: "button", "aria-label": "Start of the walk: drag it, or move it with the arrow keys" });
  const move = (a, b) => { start = [Math.min(right, Math.max(left, a)), Math.min(high, Math.max(low, b))]; place(); redraw(); };
  movable(handle, canvas, { by_key: (dx, dy) => move(start[0] + (dx * (right - left)) / 60, start[1] + (dy * (high - low)) / 60), to: (px, py) => move(x.back(px), y.back(py)) });
  canvas.append(draw("defs", {}, inside), draw("g", {}, lines), axis_x(x, HEIGHT - 46, land.names[0]), axis_y(y, 44, land.names[1]), draw("g", { "clip-path": "url(#map)" }, walked), lowest(x(land.place[0]), y(land.place[1])), twin(), handle, top);
  place();
  show(map, holder);
  show(signs, key([[draw("circle", { cx: 10, cy: 7, r: 5, fill: COLOURS.paper, stroke: TRACK, "stroke-width": 3 }), "start, to drag"], [[draw("line", { x1: 0, x2: 20, y1: 7, y2: 7, stroke: TRACK, "stroke-width": 2 }), draw("circle", { cx: 10, cy: 7, r: 3, fill: TRACK })], "steps"], [lowest(10, 7), "lowest loss"], [draw("rect", { x: 1, y: 1, width: 18, height: 12, fill: `rgb(${ground(0.9)})` }), "high loss"]]));
}

const lowest = (cx, cy) => draw("path", { d: `M${cx - 6} ${cy}h12M${cx} ${cy - 6}v12`, stroke: COLOURS.ink, "stroke-width": 2.6, "stroke-linecap": "round" });
/** The same network with both signs turned. */
const twin = () => (name === "saddle" ? lowest(x(-land.place[0]), y(-land.place[1])) : draw("g"));

function place() {
  handle.setAttribute("cx", x(start[0]));
  handle.setAttribute("cy", y(start[1]));
}

/** The path as far as it has been walked, on the map and as losses. */
function trace() {
  const [[left, right], [low, high]] = land.view, outside = ([a, b]) => a < left || a > right || b < low || b > high;
  const lost = found.path.findIndex((_, k) => k > 2 && found.path.slice(k - 3, k + 1).every(outside)); // far away there is nothing to see
  const part = found.path.slice(0, Math.min(shown, lost < 0 ? shown : lost) + 1), far = (value) => Math.min(1e5, Math.max(-1e5, value)), last = part.at(-1);
  const steps = part.slice(1).map(([a, b], k) => draw("circle", { cx: far(x(a)), cy: far(y(b)), r: k === part.length - 2 ? 5.5 : 3, fill: TRACK, stroke: COLOURS.paper, "stroke-width": 0.8 }));
  show(walked, path(part.map(([a, b]) => [x.back(far(x(a))), y.back(far(y(b)))]), x, y, { stroke: COLOURS.paper, "stroke-width": 4.5, opacity: 0.8 }), path(part.map(([a, b]) => [x.back(far(x(a))), y.back(far(y(b)))]), x, y, { stroke: TRACK, "stroke-width": 2 }), steps);
  show(top, outside(last) ? label(x(right) - 8, y(high) + 22, "it has left the map", { anchor: "end", weight: 700, size: 15, colour: TRACK }) : []);
  fall();
}

/** Loss by step: how far above the lowest, on a logarithmic scale. */
function fall() {
  const tall = 340, above = found.losses.map((loss) => Math.max(1e-5, loss - land.lowest)), powers = above.map(Math.log10);
  const bottom = Math.max(-5, Math.min(-2, Math.floor(Math.min(...powers)))), ceiling = Math.min(6, Math.max(1, Math.ceil(Math.max(...powers))));
  const along = scale([0, Math.max(5, found.losses.length - 1)], [52, NARROW - 12]), up = scale([bottom, ceiling], [tall - 46, 26]);
  const canvas = picture(NARROW, tall, `Loss above the lowest possible by step; it ${found.how}`);
  const clip = draw("clipPath", { id: "falls" }, draw("rect", { x: 52, y: 20, width: NARROW - 52, height: tall - 60 }));
  const axis = draw("g", { class: "axis" }, draw("line", { x1: 52, x2: 52, y1: up(bottom), y2: up(ceiling) }));
  for (let power = bottom; power <= ceiling; power += ceiling - bottom > 6 ? 2 : 1) axis.append(draw("line", { x1: 47, x2: 52, y1: up(power), y2: up(power) }), words_at(44, up(power) + 4, number(10 ** power), { anchor: "end" }), draw("line", { x1: 52, x2: NARROW - 12, y1: up(power), y2: up(power), style: `stroke:${COLOURS.hair}` }));
  canvas.append(draw("defs", {}, clip), axis, words_at(4, 14, "loss above the lowest possible", { colour: COLOURS.soft }), axis_x(along, tall - 46, "step"),
    draw("g", { "clip-path": "url(#falls)" }, path(powers.map((power, k) => [k, power]).slice(0, shown + 1), along, up, { stroke: TRACK }), powers.slice(0, shown + 1).map((power, k) => mark(along(k), up(Math.max(power, bottom)), 0, 2.6, { fill: TRACK, stroke: "none" }))));
  show(falls, canvas);
}
