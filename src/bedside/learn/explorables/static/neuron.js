// One neuron: a line between two groups of patients, three sliders, one loss.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, draw, figure, html, latest, number, numbers, picture, player, say, scale, show, slider } from "./play.js";
import { key, key_of_classes, label, mark, shade } from "./shapes.js";

const WIDTH = 800, HEIGHT = 520, EDGE_X = 3.9, EDGE_Y = 3.3;
const x = scale([-EDGE_X, EDGE_X], [44, WIDTH - 8]), y = scale([-EDGE_Y, EDGE_Y], [HEIGHT - 50, 28]);
const UNIT_X = x(1) - x(0), UNIT_Y = y(0) - y(1);
const facts = html("div", { "aria-live": "polite" });
const lines = draw("g"), labels = draw("g"), ground = draw("g");
let data;

begin(async () => {
  data = await ask("begin");
  if (!data) return;
  const canvas = picture(WIDTH, HEIGHT, `Patients by ${data.features.join(" and ")}, the line where the neuron is undecided, and its certainty on both sides`);
  const [left, top, wide, high] = [x(-EDGE_X), y(EDGE_Y), x(EDGE_X) - x(-EDGE_X), y(-EDGE_Y) - y(EDGE_Y)];
  const inside = draw("clipPath", { id: "inside" }, draw("rect", { x: left, y: top, width: wide, height: high }));
  const points = data.points.map(([a, b], k) => mark(x(a), y(b), data.target[k], 4.2));
  canvas.append(draw("defs", {}, inside), draw("g", { "clip-path": "url(#inside)" }, ground, lines, points), labels,
    axis_x(x, HEIGHT - 50, `${data.features[0]}, standard deviations from the mean`), axis_y(y, 44, data.features[1]));
  const ground_key = (chance) => draw("rect", { x: 1, y: 1, width: 18, height: 12, fill: `rgb(${shade(chance)})` });
  show(figure, facts, key([...key_of_classes(data.classes), [ground_key(0.03), `the neuron is sure: ${data.classes[0]}`], [ground_key(0.97), `sure: ${data.classes[1]}`]]), canvas);

  const redraw = latest(look);
  const change = () => redraw(wished());
  const tilt = (v) => number(v, 2);
  const first = slider({ label: `Weight of ${data.features[0]}`, min: -8, max: 8, step: 0.05, value: 0, words: tilt, change });
  const second = slider({ label: `Weight of ${data.features[1]}`, min: -8, max: 8, step: 0.05, value: 1, words: tilt, change });
  const bias = slider({ label: "Bias", min: -8, max: 8, step: 0.05, value: 0, words: tilt, change });
  const wished = () => ({ first: first.value, second: second.value, bias: bias.value });
  const place = (found) => { first.set(found.first); second.set(found.second); bias.set(found.bias); };

  let exact = null;  // sliders have steps, learning has none
  const learning = player(async () => {
    const found = await ask("learn", { ...(exact ?? wished()), steps: 2 });
    if (!found) return false;
    const moved = exact === null || Math.abs(found.first - exact.first) + Math.abs(found.second - exact.second) + Math.abs(found.bias - exact.bias) > 1e-4;
    exact = found;
    place(found);
    await look(found);
    if (!moved) say("It has found the best line; no other has a lower loss.");
    return moved;
  }, (on) => { go.textContent = on ? "Stop" : "Let it learn"; if (!on) exact = null; });
  const [go] = buttons(["Let it learn", () => learning.toggle(), true], ["Start again", () => { learning.stop(); place({ first: 0, second: 1, bias: 0 }); say(""); change(); }]);
  await look(wished());
});

async function look(neuron) {
  const found = await ask("look", neuron);
  if (!found) return;
  const contours = [0.1, 0.5, 0.9].map((chance) => contour(neuron, chance)).filter(Boolean);
  show(ground, certainty(neuron));
  show(lines, contours.map(([line]) => line));
  show(labels, contours.map(([, words]) => words));
  numbers(facts, [["Loss", number(found.loss, 3)], ["Lowest possible", number(data.best, 3)], ["On the wrong side", `${found.wrong} of ${data.target.length}`]]);
}

/** In pixels the sum that the neuron makes is a plane: its value at a pixel, and how it rises from there. */
function plane({ first, second, bias }) {
  const rise = [first / UNIT_X, -second / UNIT_Y], steep = Math.hypot(...rise);
  return { rise, steep, at: (px, py) => bias + rise[0] * (px - x(0)) + rise[1] * (py - y(0)) };
}

/** The probability as a shade: one gradient across the line, as exact as its stops are many. */
function certainty(neuron) {
  const { rise, steep, at } = plane(neuron), [cx, cy] = [x(0), y(0)], far = WIDTH;
  const box = { x: 0, y: 0, width: WIDTH, height: HEIGHT }, chance = (sum) => 1 / (1 + Math.exp(-sum));
  if (steep < 1e-9) return draw("rect", { ...box, fill: `rgb(${shade(chance(neuron.bias))})` });
  const [ux, uy] = rise.map((part) => part / steep), along = (k) => [cx + k * far * ux, cy + k * far * uy];
  const [from, to] = [along(-1), along(1)];
  // Close together where the probability changes, so that steep neurons have a sharp edge and flat ones a soft one.
  const shares = [...Array(41).keys()].map((k) => k / 40), sums = [...Array(33).keys()].map((k) => -8 + k / 2);
  const places = [...shares, ...sums.map((sum) => (sum - at(...from)) / (2 * far * steep))].filter((one) => one >= 0 && one <= 1).sort((a, b) => a - b);
  const stops = places.map((offset) => draw("stop", { offset, "stop-color": `rgb(${shade(chance(at(...from) + offset * 2 * far * steep))})` }));
  return [draw("linearGradient", { id: "sure", gradientUnits: "userSpaceOnUse", x1: from[0], y1: from[1], x2: to[0], y2: to[1] }, stops), draw("rect", { ...box, fill: "url(#sure)" })];
}

/** Where the neuron gives one probability: a straight line, and words where it leaves the picture; nothing if it is outside. */
function contour(neuron, chance) {
  const { rise, steep, at } = plane(neuron), level = Math.log(chance / (1 - chance));
  if (steep < 1e-9) return null;
  const [left, right, top, bottom] = [x(-EDGE_X), x(EDGE_X), y(EDGE_Y), y(-EDGE_Y)];
  const crossing = [];
  for (const px of [left, right]) { const py = y(0) + (level - at(px, y(0))) / rise[1]; if (py >= top && py <= bottom) crossing.push([px, py]); }
  for (const py of [top, bottom]) { const px = x(0) + (level - at(x(0), py)) / rise[0]; if (px >= left && px <= right) crossing.push([px, py]); }
  if (crossing.length < 2) return null;
  const solid = chance === 0.5, [[x1, y1], [x2, y2]] = [crossing[0], crossing.at(-1)];
  const line = draw("line", { x1, y1, x2, y2, stroke: solid ? COLOURS.ink : COLOURS.soft, "stroke-width": solid ? 2.6 : 1.3, "stroke-dasharray": solid ? null : "5 4" });
  if (!solid && Math.log(9) / steep < 24) return [line, null]; // too near the middle line for words of its own
  const [px, py] = crossing.reduce((a, b) => (b[1] < a[1] - 1 || (Math.abs(b[1] - a[1]) <= 1 && b[0] > a[0]) ? b : a));
  return [line, label(Math.min(Math.max(px, left + 24), right - 24), Math.min(Math.max(py + 5, top + 18), bottom - 10), `${100 * chance} %`, { anchor: "middle", weight: solid ? 700 : 400, size: 14 })];
}
