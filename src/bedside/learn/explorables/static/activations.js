// Activation functions: the bend, its slope, and a deep network with and without bends.
import { COLOURS, ask, axis_x, axis_y, begin, choice, draw, figure, html, latest, number, numbers, path, picture, scale, show, slider, tick } from "./play.js";
import { key, words_at } from "./shapes.js";

const W = 392, H = 290, SMALL = 150;
const HUES = [COLOURS.model, COLOURS.event, COLOURS.green, COLOURS.pink, COLOURS.soft, COLOURS.orange, COLOURS.sky, COLOURS.ink];
const facts = html("div", { "aria-live": "polite" }), bend = html("figure"), fit = html("figure"), inside = html("div"), sentence = html("p", { style: "font-size:17px;margin:10px 0 2px;max-width:74ch" });
let data;

begin(async () => {
  data = await ask("begin");
  if (!data) return;
  show(figure, facts, html("div", { class: "row" }, bend, fit), sentence, inside);
  const options = Object.entries(data.names);
  const kind = choice({ label: "Activation", options, value: "relu", change: () => both() });
  const at = slider({ label: "What goes in", min: -4, max: 4, step: 0.1, value: 1, words: (v) => number(v, 1), change: () => curve() });
  const layers = slider({ label: "Hidden layers of the network", min: 1, max: 6, step: 1, value: 3, words: (v) => String(v), change: () => both() });
  const gone = tick({ label: "Remove the activations", change: () => train() });
  const curve = latest(async () => { const found = await ask("look", { activation: kind.value, at: at.value, layers: layers.value }); if (found) draw_bend(found, data.names[kind.value], at.value, layers.value); });
  const train = latest(async () => { const found = await ask("depth", { activation: gone.value ? "none" : kind.value, layers: layers.value }); if (found) draw_fit(found, layers.value, gone.value ? null : data.names[kind.value]); });
  const both = () => { curve(); return train(); };
  await Promise.all([curve(), train()]);
});

function draw_bend(found, name, at, layers) {
  const low = Math.min(-1.2, ...found.value) - 0.1, high = Math.min(3, Math.max(1.2, ...found.value)) + 0.1;
  const x = scale([-4, 4], [44, W - 10]), y = scale([low, high], [H - 46, 22]);
  const canvas = picture(W, H, `${name} and its slope; at ${number(at, 1)} it gives ${number(found.here, 2)} and its slope is ${number(found.steep, 2)}`);
  const curve = (values) => found.z.map((z, k) => [z, values[k]]).filter(([, v]) => v <= high);
  const reach = 0.9 / Math.hypot(1, found.steep), px = x(at), py = y(found.here), shown = found.here <= high;
  canvas.append(draw("line", { x1: x(-4), x2: x(4), y1: y(0), y2: y(0), stroke: COLOURS.rule }), draw("line", { x1: x(0), x2: x(0), y1: y(low), y2: y(high), stroke: COLOURS.rule }),
    axis_x(x, H - 46, "what goes in"), axis_y(y, 44, "what comes out"),
    path(curve(found.slope), x, y, { stroke: COLOURS.event, "stroke-dasharray": "6 4" }), path(curve(found.value), x, y, { stroke: COLOURS.model, "stroke-width": 3 }));
  if (shown) canvas.append(draw("line", { x1: x(at - reach), y1: y(found.here - reach * found.steep), x2: x(at + reach), y2: y(found.here + reach * found.steep), stroke: COLOURS.ink, "stroke-width": 1.6 }), draw("circle", { cx: px, cy: py, r: 6, fill: COLOURS.model, stroke: COLOURS.paper, "stroke-width": 2 }));
  canvas.append(draw("line", { x1: px, x2: px, y1: shown ? py : y(high), y2: y(found.steep), stroke: COLOURS.soft, "stroke-dasharray": "2 3" }), draw("circle", { cx: px, cy: y(found.steep), r: 5, fill: COLOURS.paper, stroke: COLOURS.event, "stroke-width": 2.4 }));
  show(bend, title(name), key([[line(COLOURS.model, 3), "function"], [line(COLOURS.event, 2, "6 4"), "its slope (derivative)"]]), canvas);
  numbers(facts, [[`${name} of ${number(at, 1)}`, number(found.here, 3)], ["Slope there", number(found.steep, 3)], [layers === 1 ? "Of an error, one layer sends back" : `Of an error, ${layers} such layers send back`, share(found.left)]]);
}

const share = (value) => (Math.abs(value) >= 0.01 || value === 0 ? `${number(100 * value, 0)} %` : `${number(100 * value, 4)} %`);
const title = (words) => html("b", { style: "font:600 15px/1.3 var(--sans)" }, words);
const line = (colour, width, dash) => draw("line", { x1: 0, x2: 20, y1: 7, y2: 7, stroke: colour, "stroke-width": width, "stroke-dasharray": dash });

function draw_fit(found, layers, name) {
  const xs = data.points.map(([a]) => a), ys = data.points.map(([, b]) => b), top = 1.04 * Math.max(...ys);
  const x = scale([Math.min(...xs) - 0.5, Math.max(...xs) + 0.5], [44, W - 10]), y = scale([-100, top], [H - 46, 22]);
  const canvas = picture(W, H, `What the network predicts, over the patients it learnt from; loss ${number(found.loss, 0)}`);
  const [slope, shift] = data.line, ends = [found.grid[0], found.grid.at(-1)];
  const clip = draw("clipPath", { id: "fitted" }, draw("rect", { x: 44, y: 16, width: W - 54, height: H - 62 }));
  canvas.append(draw("defs", {}, clip), draw("g", {}, data.points.map(([a, b]) => draw("circle", { cx: x(a), cy: y(b), r: 3, fill: COLOURS.rule, stroke: COLOURS.soft, "stroke-width": 0.7 }))),
    axis_x(x, H - 46, "mean radius of the cell nuclei of a breast mass"), axis_y(y, 44, "mean area"),
    draw("g", { "clip-path": "url(#fitted)" }, path(ends.map((a) => [a, slope * a + shift]), x, y, { stroke: COLOURS.soft, "stroke-dasharray": "6 4" }), path(found.grid.map((a, k) => [a, found.curve[k]]), x, y, { stroke: COLOURS.model, "stroke-width": 3.2 })));
  show(fit, title(`A network of ${layers} hidden ${layers === 1 ? "layer" : "layers"} ${name ? `with ${name}` : "without activations"}`), key([[line(COLOURS.model, 3), `loss ${number(found.loss, 0)}`], [line(COLOURS.soft, 2, "6 4"), `best straight line: ${number(data.line_loss, 0)}`]]), canvas);
  sentence.textContent = name
    ? `${found.weights} weights, and the curve bends up to ${number(found.bend, 0)} units of area away from a straight line.`
    : `${found.weights} weights in ${layers + 1} layers, and all of it is one straight line: ${number(found.slope, 2)} units of area more for each unit of radius. No training can bend it.`;
  const panels = found.layers.map((neurons, k) => panel(found.grid, neurons, k));
  show(inside, html("p", { style: "font:14px/1.4 var(--sans);color:var(--soft);margin:8px 0 4px" }, "What the eight neurons of each layer pass on, over the same radius:"), html("div", { style: "display:grid;grid-template-columns:repeat(auto-fill,minmax(116px,1fr));gap:10px" }, panels));
}

/** The curves of one layer. */
function panel(grid, neurons, k) {
  const all = neurons.flat(), low = Math.min(0, ...all), high = Math.max(0, ...all), room = 0.06 * (high - low || 1);
  const x = scale([grid[0], grid.at(-1)], [6, SMALL - 6]), y = scale([low - room, high + room], [SMALL - 8, 24]);
  const canvas = picture(SMALL, SMALL, `Layer ${k + 1}: what its neurons pass on`);
  canvas.append(draw("rect", { x: 0.5, y: 18.5, width: SMALL - 1, height: SMALL - 20, fill: "none", stroke: COLOURS.rule }), draw("line", { x1: 1, x2: SMALL - 1, y1: y(0), y2: y(0), stroke: COLOURS.hair }), words_at(2, 12, `layer ${k + 1}`, { colour: COLOURS.soft, size: 14 }),
    draw("g", {}, neurons.map((values, j) => path(grid.map((a, i) => [a, values[i]]), x, y, { stroke: HUES[j], "stroke-width": 2 }))));
  return canvas;
}
