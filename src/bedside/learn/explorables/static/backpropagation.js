// Five steps of backpropagation: a network of nine weights with its numbers at every edge.
import { COLOURS, ask, begin, buttons, choice, draw, figure, html, latest, number, numbers, picture, say, show, slider } from "./play.js";
import { arrow, key, label, words_at } from "./shapes.js";

const WIDTH = 800, HEIGHT = 352, BACK = COLOURS.event;
const STEPS = [["1", "1 Error"], ["2", "2 Backward"], ["3", "3 Gradient"], ["4", "4 Update"], ["5", "5 New error"]];
const PLACES = { x1: [70, 72], x2: [70, 266], h1: [350, 72], h2: [350, 266], out: [600, 169], loss: [745, 169] };
// Of each weight: where it comes from, where it goes, where along the edge its number stands.
const EDGES = [["x1", "h1", 0.5], ["x2", "h1", 0.33], ["x1", "h2", 0.33], ["x2", "h2", 0.5], null, null, ["h1", "out", 0.5], ["h2", "out", 0.5], null];
const BIASES = { h1: 4, h2: 5, out: 8 };
const NAMES = ["w₁₁", "w₁₂", "w₂₁", "w₂₂", "b₁", "b₂", "v₁", "v₂", "c"];
const three = (value) => number(value, 3);
const drawing = html("div"), facts = html("div", { "aria-live": "polite" }), signs = html("div"), working = html("div", { "aria-live": "polite" });
let data, weights, history;

begin(async () => {
  data = await ask("begin");
  if (!data) return;
  weights = data.weights;
  history = [];
  show(figure, facts, signs, drawing, working);
  const step = choice({ label: "Step", options: STEPS, value: "1", change: () => redraw() });
  const [next, back] = buttons(["Next step", () => forward(), true], ["Step back", () => { step.set(String(Math.max(1, step.value - 1))); redraw(); }]);
  const patients = data.patients.map(({ values, target }, k) => [String(k), `${data.classes[target]}: radius ${number(values[0], 1)}, texture ${number(values[1], 1)}`]);
  const patient = choice({ label: "Patient", options: patients, value: "0", change: () => { step.set("1"); redraw(); } });
  const rate = slider({ label: "Learning rate", min: 0.1, max: 5, step: 0.1, value: 1, words: (value) => number(value, 1), change: () => redraw() });
  buttons(["First weights again", () => { weights = data.weights; history = []; step.set("1"); say(""); redraw(); }]);
  const redraw = latest(async () => {
    const found = await ask("look", { patient: Number(patient.value), weights, learning_rate: rate.value });
    if (found) paint(found, Number(step.value), data.patients[patient.value], rate.value);
    next.textContent = step.value === "5" ? "Again, with the new weights" : "Next step";
    back.disabled = step.value === "1";
    return found;
  });
  const forward = async () => {
    if (step.value !== "5") { step.set(String(Number(step.value) + 1)); return redraw(); }
    const found = await ask("look", { patient: Number(patient.value), weights, learning_rate: rate.value });
    if (!found) return null;
    weights = found.new_weights;
    history.push(found.loss);
    say(`Losses so far: ${[...history, found.new.loss].map((loss) => three(loss)).join(", ")}.`);
    step.set("1");
    return redraw();
  };
  await redraw();
});

function paint(found, step, patient, rate) {
  const now = step === 5 ? found.new : found, held = step === 5 ? found.new_weights : found.weights;
  numbers(facts, [["Probability of malignant", three(now.probability)], ["Truth", `${patient.target}, ${data.classes[patient.target]}`], ["Loss", three(now.loss)]]);
  const canvas = picture(WIDTH, HEIGHT, `${STEPS[step - 1][1]}: the network with its numbers; in words below`);
  const edges = EDGES.map((edge, k) => edge && line(edge, k)), tags = EDGES.map((edge, k) => edge && tag(edge, k));
  canvas.append(draw("g", {}, edges, exit()), ...Object.keys(PLACES).map(node), draw("g", {}, tags));
  show(drawing, canvas);
  const forth = [draw("line", { x1: 0, x2: 20, y1: 7, y2: 7, stroke: COLOURS.model, "stroke-width": 2.4 }), "a weight; the thicker, the larger; dashed is negative"];
  show(signs, key(step === 2 || step === 3 ? [forth, [arrow(19, 7, 1, 7, BACK), "how much the loss rises with it"]] : [forth]));
  show(working, html("p", { style: "margin:10px 0 4px" }, html("b", {}, SAID[step - 1])), html("table", {}, html("tbody", {}, worked(found, step, patient, rate).map(([what, how, much]) => html("tr", {}, html("td", {}, what), html("td", {}, how), html("td", { style: "text-align:right;font-weight:600" }, much))))));

  function line([from, to], k) {
    const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]];
    const forth = draw("line", { x1, y1, x2, y2, stroke: COLOURS.model, "stroke-width": Math.min(7, 1.2 + 2 * Math.abs(held[k])), "stroke-dasharray": held[k] < 0 ? "7 5" : null, opacity: step === 2 || step === 3 ? 0.35 : 0.85 });
    return [forth, step === 2 && from !== "x1" && from !== "x2" ? towards(PLACES[to], PLACES[from], 38) : null];
  }
  function exit() {
    const [from, to] = [PLACES.out, PLACES.loss];
    return step === 2 ? towards(to, from, 38) : draw("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], stroke: COLOURS.soft, "stroke-width": 1.4 });
  }
  function tag([from, to, share], k) {
    const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]];
    const [cx, cy] = [x1 + share * (x2 - x1), y1 + share * (y2 - y1)];
    const middle = { anchor: "middle", halo: 7 };
    if (step === 3) return [label(cx, cy - 3, `${NAMES[k]} = ${three(held[k])}`, { ...middle, colour: COLOURS.soft }), label(cx, cy + 15, three(found.gradients[k]), { ...middle, colour: BACK, weight: 700, size: 16 })];
    if (step === 4) return [label(cx, cy - 3, `${three(found.weights[k])} →`, { ...middle, colour: COLOURS.soft }), label(cx, cy + 15, three(found.new_weights[k]), { ...middle, colour: COLOURS.model, weight: 700, size: 16 })];
    return label(cx, cy + 5, three(held[k]), { ...middle, size: step === 2 ? 14 : 16, colour: step === 2 ? COLOURS.soft : COLOURS.model, weight: step === 2 ? 400 : 700 });
  }
  function node(name) {
    const [cx, cy] = PLACES[name], hidden = { h1: 0, h2: 1 }[name], input = name[0] === "x" ? Number(name[1]) - 1 : null, lower = cy + 53;
    const put = (dy, words, look) => words_at(cx, dy, words, { anchor: "middle", ...look });
    if (name === "loss") return draw("g", {}, draw("rect", { x: cx - 46, y: cy - 30, width: 92, height: 60, rx: 3, fill: COLOURS.paper, stroke: COLOURS.ink, "stroke-width": 1.6 }), put(cy - 8, "loss", { colour: COLOURS.soft }), put(cy + 17, three(now.loss), { size: 19, weight: 700 }));
    const shown = input !== null ? patient.inputs[input] : hidden === undefined ? now.probability : now.passed[hidden];
    const title = input !== null ? data.features[input] : hidden === undefined ? "probability" : `hidden neuron ${hidden + 1}`;
    const below = input !== null ? put(lower, `measured ${number(patient.values[input], 1)}`, { colour: COLOURS.soft }) : under(BIASES[name], hidden === undefined ? found.logit_back[0] : found.sums_back[hidden]);
    return draw("g", {}, draw("circle", { cx, cy, r: 36, fill: COLOURS.paper, stroke: input !== null ? COLOURS.soft : COLOURS.model, "stroke-width": 2 }), put(cy + 6, three(shown), { size: 18, weight: 600 }), put(cy - 45, title, { colour: COLOURS.soft }), below);
    function under(bias, back) {
      if (step === 2) return put(lower + 3, three(back), { colour: BACK, weight: 700, size: 17 });
      if (step === 3) return [put(lower, `bias ${three(held[bias])}`, { colour: COLOURS.soft }), put(lower + 18, three(found.gradients[bias]), { colour: BACK, weight: 700, size: 16 })];
      if (step === 4) return [put(lower, `bias ${three(found.weights[bias])} →`, { colour: COLOURS.soft }), put(lower + 18, three(found.new_weights[bias]), { colour: COLOURS.model, weight: 700, size: 16 })];
      return put(lower, `bias ${three(held[bias])}`, { colour: COLOURS.soft });
    }
  }
}

/** An arrow between two nodes that keeps away from both. */
function towards([x1, y1], [x2, y2], gap) {
  const length = Math.hypot(x2 - x1, y2 - y1), [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length], first = x1 > 700 ? 48 : gap;
  return arrow(x1 + first * ux, y1 + first * uy, x2 - gap * ux, y2 - gap * uy, BACK, 3);
}

const SAID = [
  "Forward: every neuron adds up what comes in, times its weights, plus its bias; the end is compared with the truth.",
  "Backward: what each neuron's sum did to the loss, from the end to the beginning.",
  "Gradient: a weight's share is what came in through it, times what came back to it.",
  "Update: every weight moves against its gradient, by the learning rate.",
  "The same patient again, with the new weights.",
];

/** The arithmetic of a step as rows of (what, how, result); numbers are rounded to three digits, the computer's are not. */
function worked(found, step, patient, rate) {
  const t = (value) => (value < 0 ? `(${three(value)})` : three(value));
  const chance = (now, held) => {
    const [a, b] = patient.inputs, passed = now.passed, sums = now.sums;
    const hidden = [0, 1].flatMap((k) => [[`sum of hidden ${k + 1}`, `${t(held[2 * k])} × ${t(a)} + ${t(held[2 * k + 1])} × ${t(b)} + ${t(held[4 + k])}`, three(sums[k])], [`hidden ${k + 1}`, `sigmoid(${three(sums[k])})`, three(passed[k])]]);
    const truth = patient.target === 1 ? `−log(${three(now.probability)})` : `−log(1 − ${three(now.probability)})`;
    return [...hidden, ["sum of the output", `${t(held[6])} × ${t(passed[0])} + ${t(held[7])} × ${t(passed[1])} + ${t(held[8])}`, three(now.logit[0])], ["probability", `sigmoid(${three(now.logit[0])})`, three(now.probability)], ["loss", truth, three(now.loss)]];
  };
  const wrong = found.logit_back[0];
  if (step === 1) return chance(found, found.weights);
  if (step === 2) return [["at the output's sum", `probability − truth = ${three(found.probability)} − ${patient.target}`, three(wrong)], ...[0, 1].flatMap((k) => [[`at hidden ${k + 1}`, `${t(wrong)} × weight ${t(found.weights[6 + k])}`, three(found.passed_back[k])], [`at the sum of hidden ${k + 1}`, `${t(found.passed_back[k])} × slope of the sigmoid ${three(found.passed[k])} × (1 − ${three(found.passed[k])})`, three(found.sums_back[k])]])];
  const from = [0, 1].flatMap((k) => [0, 1].map((j) => [`${NAMES[2 * k + j]}: ${data.features[j]} to hidden ${k + 1}`, 2 * k + j, patient.inputs[j], found.sums_back[k]])).concat([0, 1].map((k) => [`${NAMES[6 + k]}: hidden ${k + 1} to the output`, 6 + k, found.passed[k], wrong]));
  const biases = [4, 5, 8].map((k) => [`bias of ${k === 8 ? "the output" : `hidden ${k - 3}`}`, k]);
  if (step === 3) return [...from.map(([what, k, came, back]) => [what, `${t(came)} came in × ${t(back)} came back`, three(found.gradients[k])]), ...biases.map(([what, k]) => [what, "1 × what came back", three(found.gradients[k])])];
  if (step === 4) return [...from.map(([what, k]) => [what, k]), ...biases].map(([what, k]) => [what, `${t(found.weights[k])} − ${number(rate, 1)} × ${t(found.gradients[k])}`, three(found.new_weights[k])]);
  return [["loss before", "", three(found.loss)], ["loss now", "", three(found.new.loss)], ...chance(found.new, found.new_weights)];
}
