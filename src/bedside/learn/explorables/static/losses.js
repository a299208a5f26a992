// Losses: predictions to drag by mouse or keys, what each costs, and the arrows of their gradients.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, choice, draw, figure, html, latest, number, numbers, path, picture, player, scale, show, slider } from "./play.js";
import { arrow, key, label, mark, movable, words_at } from "./shapes.js";

const WIDTH = 800, HEIGHT = 340, ARROW = COLOURS.green;
const KINDS = [["mse", "Mean squared error"], ["bce", "Binary cross-entropy"], ["ce", "Cross-entropy"]];
const WHO = {
  mse: "Six patients with diabetes. How much did it progress within a year? Drag the predictions to the truth.",
  bce: "Six patients with a breast mass. How sure is the network that it is malignant? Drag its answers up or down.",
  ce: "One patient with diabetes, three possible courses. Drag the three outputs; softmax makes probabilities of them, which add up to 1.",
};
const UNITS = { mse: "progression, standard deviations", bce: "output (logit), and the probability it means", ce: "outputs (logits)" };
const facts = html("div", { "aria-live": "polite" }), who = html("p", { style: "margin:8px 0 0" }), signs = html("div"), tracks = html("div"), curve = html("div"), said = html("figcaption");
let data, outputs, selected = 0, kind = "mse", handles = [];
let LIMIT, y;

begin(async () => {
  show(figure, facts, who, signs, tracks, html("figure", {}, curve, said));
  choice({ label: "Loss", options: KINDS, value: kind, change: async (wished) => { pushing.stop(); kind = wished; await fresh(); } });
  const rate = slider({ label: "Length of a push (learning rate)", min: 0.05, max: 1.5, step: 0.05, value: 0.2, words: (v) => number(v, 2), change: () => {} });
  const push = async () => {
    const before = outputs, found = await ask("push", { kind, outputs, selected, learning_rate: rate.value });
    if (!found) return false;
    outputs = found.outputs;
    await redraw();
    return Math.max(...outputs.map((value, k) => Math.abs(value - before[k]))) > 2e-3;
  };
  const pushing = player(push, (on) => { go.textContent = on ? "Stop" : "Let the arrows push"; });
  const [go] = buttons(["Let the arrows push", () => pushing.toggle(), true], ["One push", () => { pushing.stop(); push(); }]);
  buttons(["Start again", () => { pushing.stop(); fresh(); }]);
  await fresh();
});

async function fresh() {
  data = await ask("begin", { kind });
  if (!data) return;
  outputs = data.outputs;
  LIMIT = data.limit;
  y = scale([-LIMIT, LIMIT], [HEIGHT - 66, 32]);
  selected = Math.min(selected, outputs.length - 1);
  who.textContent = WHO[kind];
  build();
  await redraw();
}

/** A track for every output, with its handle; what changes is drawn into groups. */
function build() {
  const canvas = picture(WIDTH, HEIGHT, `${data.names.length} outputs as handles that can be dragged, with arrows for where the loss wants them`);
  const x = scale([-0.5, outputs.length - 0.5], [120, WIDTH - 8]), probability = (value) => `${number(100 / (1 + Math.exp(-value)), 1)} %`;
  canvas.append(axis_y(y, 110, UNITS[kind], kind === "bce" ? (value) => `${number(value)} (${probability(value)})` : number), draw("line", { x1: 110, x2: WIDTH, y1: y(0), y2: y(0), stroke: COLOURS.rule }));
  handles = outputs.map((_, k) => {
    const cx = x(k), truth = data.target[kind === "ce" ? 0 : k], layer = draw("g"), name = kind === "mse" ? `patient ${data.names[k]}` : data.names[k];
    const handle = draw("circle", { cx, r: 11, fill: COLOURS.model, stroke: COLOURS.paper, "stroke-width": 3, tabindex: 0, role: "slider", "aria-label": `Output for ${name}`, "aria-valuemin": -LIMIT, "aria-valuemax": LIMIT, "aria-orientation": "vertical" });
    const set = (value) => { outputs = outputs.with(k, Math.min(LIMIT, Math.max(-LIMIT, Math.round(value * 20) / 20))); selected = k; redraw(); };
    movable(handle, canvas, { by_key: (dx, dy) => set(outputs[k] + 0.1 * (dx + dy)), to: (px, py) => set(y.back(py)) });
    handle.addEventListener("focus", () => { selected = k; redraw(); });
    canvas.append(draw("line", { x1: cx, x2: cx, y1: y(-LIMIT), y2: y(LIMIT), stroke: COLOURS.hair, "stroke-width": 6, "stroke-linecap": "round" }), layer, handle, words_at(cx, HEIGHT - 40, kind === "bce" ? `truth: ${name}` : kind === "ce" ? name : `truth ${number(data.measured[k])}`, { anchor: "middle", colour: COLOURS.soft, weight: kind === "ce" && k === truth ? 700 : 400 }));
    if (kind === "mse") canvas.append(draw("path", { d: `M${cx - 20} ${y(truth)}h40`, stroke: COLOURS.event, "stroke-width": 4, "pointer-events": "none", opacity: 0.9 }));
    if (kind === "bce") canvas.append(mark(cx, truth === 1 ? y(LIMIT) : y(-LIMIT), truth, 6));
    if (kind === "ce" && k === truth) canvas.append(words_at(cx, 18, "the truth", { anchor: "middle", colour: COLOURS.event, weight: 700 }));
    return { cx, layer, handle };
  });
  const bar = (colour, wide) => draw("line", { x1: 1, x2: 19, y1: 7, y2: 7, stroke: colour, "stroke-width": wide });
  const truths = kind === "mse" ? [[bar(COLOURS.event, 4), "truth"]] : kind === "bce" ? [[mark(10, 7, 0), "truth: benign, as low as can be"], [mark(10, 7, 1), "malignant, as high"]] : [];
  show(signs, key([[draw("circle", { cx: 10, cy: 7, r: 6, fill: COLOURS.model }), "prediction, to drag"], ...truths, [arrow(10, 13, 10, 0, ARROW), "against the gradient: where it should go"]]));
  show(tracks, canvas);
}

const redraw = latest(async () => {
  const found = await ask("look", { kind, outputs, selected });
  if (!found || found.gradient.length !== handles.length) return;
  handles.forEach(({ cx, layer, handle }, k) => {
    const to = outputs[k] - found.gradient[k], cy = y(outputs[k]), words = kind === "mse" ? number(outputs[k] * data.deviation + data.mean, 0) : `${number(100 * found.probability[k], kind === "ce" ? 0 : 1)} %`;
    handle.setAttribute("cy", cy);
    handle.setAttribute("aria-valuenow", outputs[k]);
    handle.setAttribute("aria-valuetext", `${number(outputs[k], 2)}: ${words}${kind === "ce" ? "" : `, loss ${number(found.rows[k], 2)}`}`);
    handle.setAttribute("stroke", k === selected ? COLOURS.ink : COLOURS.paper);
    const below = cy + 11 > y(-LIMIT) - 20, loss = kind === "ce" ? null : words_at(cx, HEIGHT - 18, `loss ${number(found.rows[k], 3)}`, { anchor: "middle", size: 15, weight: 700 });
    show(layer, arrow(cx - 24, cy, cx - 24, Math.min(y(-LIMIT), Math.max(y(LIMIT), y(to))), ARROW, 3), label(cx + 17, cy + (below ? -6 : 5), words, { weight: 600, size: 14 }), loss);
  });
  numbers(facts, [[KINDS.find(([one]) => one === kind)[1], number(found.mean, 3)], [kind === "ce" ? "Gradient of the chosen output" : "Gradient of the chosen prediction", number(found.gradient[selected], 3)], [kind === "mse" ? "which is 2 × (prediction − truth)" : "which is probability − truth", rule(found)]]);
  valley(found);
});

function rule(found) {
  if (kind === "mse") return `2 × ${number(outputs[selected] - data.target[selected], 2)}`;
  return `${number(found.probability[selected], 3)} − ${kind === "bce" ? data.target[selected] : Number(selected === data.target[0])}`;
}

/** The loss of the chosen prediction wherever it might stand, with its slope. */
function valley(found) {
  const high = 250, top = Math.max(1, Math.min(40, 1.05 * Math.max(...found.curve))), x = scale([-LIMIT, LIMIT], [110, WIDTH - 8]), up = scale([0, top], [high - 46, 24]);
  const canvas = picture(WIDTH, high, `Loss of the chosen prediction over its values; it is ${number(found.selected_loss, 3)} now`);
  const here = outputs[selected], slope = found.gradient[selected], reach = 80 / Math.hypot(x(1) - x(0), slope * (up(0) - up(1))), name = kind === "mse" ? `patient ${data.names[selected]}` : kind === "bce" ? `patient ${selected + 1} (${data.names[selected]})` : `output “${data.names[selected]}”`;
  canvas.append(draw("defs", {}, draw("clipPath", { id: "under" }, draw("rect", { x: 104, y: 14, width: WIDTH - 104, height: high - 58 }))), axis_x(x, high - 46, kind === "mse" ? "prediction, standard deviations" : "output (logit)"), axis_y(up, 110, `loss, if ${name} had this ${kind === "ce" ? "value" : "prediction"}`),
    draw("g", { "clip-path": "url(#under)" }, path(found.sweep.map((value, k) => [value, found.curve[k]]), x, up, { stroke: COLOURS.model, "stroke-width": 3 }),
    draw("line", { x1: x(here - reach), x2: x(here + reach), y1: up(found.selected_loss - reach * slope), y2: up(found.selected_loss + reach * slope), stroke: ARROW, "stroke-width": 2.2 })),
    draw("circle", { cx: x(here), cy: up(found.selected_loss), r: 7, fill: COLOURS.model, stroke: COLOURS.ink, "stroke-width": 1.5 }));
  show(curve, canvas);
  said.textContent = kind === "ce" ? `The green line is the gradient: the loss changes by ${number(slope, 2)} for each unit that ${name} rises.` : `The green line is the gradient: the loss of ${name} changes by ${number(slope, 2)} for each unit that the prediction rises.`;
}
