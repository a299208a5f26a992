// One neuron: a line between two groups of patients, three sliders, one loss.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, draw, figure, html, latest, number, numbers, picture, player, say, scale, show, slider } from "./play.js";

const WIDTH = 640, HEIGHT = 470, EDGE = 3.6;
const x = scale([-EDGE, EDGE], [56, WIDTH - 16]), y = scale([-EDGE, EDGE], [HEIGHT - 54, 34]);
const drawing = html("div"), facts = html("div", { "aria-live": "polite" });
let data, lines;

begin(async () => {
  data = await ask("begin");
  if (!data) return;
  const canvas = picture(WIDTH, HEIGHT, `Patients by ${data.features.join(" and ")}, the line where the neuron is undecided, and its certainty on both sides`);
  lines = draw("g");
  const inside = draw("clipPath", { id: "inside" }, draw("rect", { x: x(-EDGE), y: y(EDGE), width: x(EDGE) - x(-EDGE), height: y(-EDGE) - y(EDGE) }));
  const points = data.points.map(([a, b], k) => mark(x(a), y(b), data.target[k]));
  canvas.append(draw("defs", {}, inside), draw("g", { "clip-path": "url(#inside)" }, lines, points),
    axis_x(x, HEIGHT - 54, `${data.features[0]}, standard deviations from the mean`), axis_y(y, 56, data.features[1]), legend());
  show(drawing, canvas);
  show(figure, facts, drawing);

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

/** Circles are benign, filled diamonds malignant: told apart without colour too. */
function mark(cx, cy, target) {
  if (target === 0) return draw("circle", { cx, cy, r: 4, fill: COLOURS.paper, stroke: COLOURS.model, "stroke-width": 1.6 });
  return draw("path", { d: `M${cx} ${cy - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z`, fill: COLOURS.event, stroke: COLOURS.paper, "stroke-width": 0.8 });
}

function legend() {
  return draw("g", {}, mark(WIDTH - 190, 16, 0), draw("text", { x: WIDTH - 180, y: 20 }, data.classes[0]), mark(WIDTH - 104, 16, 1), draw("text", { x: WIDTH - 94, y: 20 }, data.classes[1]));
}

async function look(neuron) {
  const found = await ask("look", neuron);
  if (!found) return;
  show(lines, [0.1, 0.5, 0.9].flatMap((chance) => contour(neuron, chance) ?? []));
  numbers(facts, [["Loss", number(found.loss, 3)], ["Lowest possible", number(data.best, 3)], ["On the wrong side", `${found.wrong} of ${data.target.length}`]]);
}

/** Where the neuron gives one probability: a straight line across the picture, or nothing if there is none. */
function contour({ first, second, bias }, chance) {
  const level = Math.log(chance / (1 - chance)) - bias, size = Math.hypot(first, second);
  if (size < 1e-6) return null;
  const [a, b] = [(first * level) / size ** 2, (second * level) / size ** 2], [dx, dy] = [-second / size, first / size], far = 20;
  const solid = chance === 0.5;
  const line = draw("line", { x1: x(a - far * dx), y1: y(b - far * dy), x2: x(a + far * dx), y2: y(b + far * dy), stroke: solid ? COLOURS.ink : COLOURS.soft, "stroke-width": solid ? 2.4 : 1.2, "stroke-dasharray": solid ? null : "4 4" });
  return [line, draw("text", { x: x(a) + 4, y: y(b) - 4, class: "soft", "paint-order": "stroke", stroke: COLOURS.paper, "stroke-width": 4 }, `${100 * chance} %`)];
}
