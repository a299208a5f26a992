// The playground: a network that trains while one watches, with what every neuron sees.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, choice, draw, figure, html, latest, number, numbers, path, picture, player, say, scale, show, slider } from "./play.js";
import { canvas_behind, key, key_of_classes, label, mark, paint, shade, unpacked, words_at } from "./shapes.js";

const WIDTH = 800, HEIGHT = 444, THUMB = 44, BIG = 334, LEFT = 464, TOP = 62, MIDDLE = TOP + BIG / 2, PER_FRAME = 8;
const RATES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1], DECAYS = [0, 0.01, 0.1, 0.3, 1, 3];
const facts = html("div", { "aria-live": "off" }), signs = html("div"), place = html("div"), losses = html("figure", { style: "margin-top:6px" });
const edges = draw("g"), frames = draw("g"), dots = draw("g"), caption = draw("g"), axes = draw("g");
const strong = (share) => shade(share, 0.75);
let hidden = [4, 2], state, context, history, chosen = null, looked = null, restart, reach, up;

begin(async () => {
  const canvas = picture(WIDTH, HEIGHT, "The network: what each neuron sees as a small map, its weights as lines, and on the right what the whole network says of every place");
  const [holder, found] = canvas_behind(canvas, WIDTH, HEIGHT, "Maps of what each neuron and the network say; orange is high, blue is low");
  context = found;
  canvas.append(edges, frames, axes, draw("defs", {}, draw("clipPath", { id: "big" }, draw("rect", { x: LEFT, y: TOP, width: BIG, height: BIG }))), draw("g", { "clip-path": "url(#big)", "pointer-events": "none" }, dots), caption);
  show(place, holder);
  show(figure, facts, signs, place, losses);

  const known = await ask("about");
  if (!known) return;
  const data = choice({ label: "Data", options: Object.entries(known.titles), value: "extremes", change: () => restart() });
  const running = player(() => train(PER_FRAME), (on) => { go.textContent = on ? "Pause" : "Train"; });
  const [go] = buttons(["Train", () => running.toggle(), true], ["One step", () => { running.stop(); train(1); }], ["Start again", () => { running.stop(); restart(); }]);
  const layers = slider({ label: "Hidden layers", min: 0, max: 4, step: 1, value: 2, words: (v) => String(v), help: "Neurons: − and + above each layer.", change: (wished) => { hidden = Array.from({ length: wished }, (_, k) => hidden[k] ?? 4); restart(); } });
  const activation = choice({ label: "Activation", options: Object.entries(known.activations), value: "tanh", change: () => restart() });
  const rate = slider({ label: "Learning rate", min: 0, max: RATES.length - 1, step: 1, value: 4, words: (k) => String(RATES[k]), change: () => {} });
  const decay = slider({ label: "Regularisation: weight decay", min: 0, max: DECAYS.length - 1, step: 1, value: 0, words: (k) => String(DECAYS[k]), change: () => {} });
  const dropout = slider({ label: "Regularisation: dropout", min: 0, max: 50, step: 10, value: 0, words: (v) => `${v} %`, change: () => {} });
  const noise = slider({ label: "Measurement noise", min: 0, max: 1, step: 0.1, value: 0, words: (v) => `${number(v, 1)} SD`, change: () => restart() });

  restart = latest(async () => {
    const fresh = await ask("begin", { data: data.value, noise: noise.value, hidden, activation: activation.value });
    if (!fresh) return;
    state = fresh;
    state.inputs = state.inputs.map(unpacked);
    history = [];
    chosen = looked = null;
    layers.set(hidden.length);
    say("");
    furnish();
    update(fresh);
  });
  const train = latest_step(async (steps) => {
    const session = state.session, view = await ask("train", { session, steps, learning_rate: RATES[rate.value], weight_decay: DECAYS[decay.value], dropout: dropout.value / 100 });
    if (!view) return false;
    if (session === state.session) update(view);
    return true;
  });
  await restart();
});

/** One question at a time; who comes too early is told to come again. */
function latest_step(work) {
  let under_way = false;
  return async (steps) => { if (under_way) return true; under_way = true; try { return await work(steps); } finally { under_way = false; } };
}

const column = (k) => 8 + THUMB / 2 + (k * (LEFT - 62 - THUMB)) / Math.max(1, hidden.length + 0.25);
const row = (j, count, layer) => MIDDLE + 6 + (j - (count - 1) / 2) * (layer === 0 ? 120 : Math.min(72, 376 / count));
const nodes = () => [2, ...hidden].flatMap((count, k) => Array.from({ length: count }, (_, j) => ({ layer: k, j, x: column(k), y: row(j, count, k), name: k === 0 ? state.features[j] : `neuron ${j + 1} of layer ${k}` })));

/** What stays while the network trains: frames, buttons, patients, axes. */
function furnish() {
  const look = (node) => { chosen = node; surfaces(); };
  show(frames, nodes().map((node) => {
    const frame = draw("rect", { x: node.x - THUMB / 2, y: node.y - THUMB / 2, width: THUMB, height: THUMB, fill: "transparent", stroke: COLOURS.soft, tabindex: 0, role: "img", "aria-label": `${node.name}: show it large` });
    for (const come of ["pointerenter", "focus"]) frame.addEventListener(come, () => look(node));
    for (const leave of ["pointerleave", "blur"]) frame.addEventListener(leave, () => look(null));
    return [frame, node.layer === 0 ? label(node.x - THUMB / 2, node.y - THUMB / 2 - 8, node.name, { colour: COLOURS.soft }) : null];
  }), hidden.map((count, k) => sizes(count, k)));
  const x = scale([-state.edge, state.edge], [LEFT, LEFT + BIG]), y = scale([-state.edge, state.edge], [TOP + BIG, TOP]);
  show(axes, axis_x(x, TOP + BIG, `${state.features[0]}, standard deviations`), draw("rect", { x: LEFT, y: TOP, width: BIG, height: BIG, fill: "none", stroke: COLOURS.rule }), words_at(LEFT + BIG, TOP - 9, `upwards: ${state.features[1]}`, { anchor: "end", colour: COLOURS.soft }));
  show(dots, state.points.map(([a, b], k) => mark(x(a), y(b), state.target[k], 3.4, { opacity: state.validates[k] ? 0.4 : 1 })));
  const ground = (chance) => draw("rect", { x: 1, y: 1, width: 18, height: 12, fill: `rgb(${shade(chance, 0.6)})` });
  show(signs, key([...key_of_classes(state.classes), [mark(10, 7, 1, 4, { opacity: 0.4 }), "faint: only validates"], [ground(1), `high, or ${state.classes[1]}`], [ground(0), `low, or ${state.classes[0]}`]]));
}

/** The number of neurons of a layer, with a button on either side. */
function sizes(count, k) {
  const cx = column(k + 1), change = (by) => { hidden = hidden.with(k, Math.min(8, Math.max(1, count + by))); return restart(); };
  const button = (dx, by, words) => {
    const press = async () => { await change(by); frames.querySelector(`[aria-label="${words}"]`)?.focus(); }, can = by < 0 ? count > 1 : count < 8;
    return draw("g", { role: "button", tabindex: can ? 0 : null, "aria-disabled": can ? null : "true", "aria-label": words, style: `cursor:${can ? "pointer" : "default"};opacity:${can ? 1 : 0.3}`, onclick: press, onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); press(); } } },
      draw("circle", { cx: cx + dx, cy: 16, r: 11, fill: COLOURS.paper, stroke: COLOURS.model }), words_at(cx + dx, 21, by < 0 ? "−" : "+", { anchor: "middle", size: 16, weight: 700, colour: COLOURS.model }));
  };
  return draw("g", {}, button(-25, -1, `Layer ${k + 1}: one neuron fewer`), words_at(cx, 21, String(count), { anchor: "middle", size: 16, weight: 600 }), button(25, 1, `Layer ${k + 1}: one neuron more`));
}

/** Everything that a step of training changes. */
function update(view) {
  Object.assign(state, view, { layers: view.layers.map((layer) => layer.map(unpacked)), output: unpacked(view.output) });
  history.push([view.steps, view.train, view.valid]);
  if (history.length > 600) history = history.filter((_, k) => k % 2 === 0 || k === history.length - 1);
  numbers(facts, [["Steps", String(view.steps)], ["Training loss", number(view.train, 3)], ["Validation loss", number(view.valid, 3)], ["Validation AUROC", number(view.valid_auroc, 3)]]);
  surfaces();
  wires();
  curves();
}

const seen_by = (node) => (node.layer === 0 ? state.inputs[node.j] : state.layers[node.layer - 1]?.[node.j]);

function surfaces() {
  if (!state?.output) return;
  context.clearRect(0, 0, WIDTH, HEIGHT);
  for (const node of nodes()) if (seen_by(node)) paint(context, seen_by(node), state.n, node.x - THUMB / 2, node.y - THUMB / 2, THUMB, strong);
  const shown = (chosen && seen_by(chosen)) || state.output;
  paint(context, shown, state.n, LEFT, TOP, BIG, shade);
  if (looked === chosen && caption.childNodes.length) return;
  looked = chosen;
  show(caption, words_at(LEFT, TOP - 30, chosen ? `What ${chosen.layer === 0 ? "the network is given: " : ""}${chosen.name}${chosen.layer === 0 ? "" : " passes on"}` : "What the network says", { size: 16, weight: 600 }));
  const all = nodes();
  [...frames.querySelectorAll("rect")].forEach((frame, k) => frame.setAttribute("stroke-width", chosen && all[k].layer === chosen.layer && all[k].j === chosen.j ? 3.5 : 1));
}

/** Weights as lines: the thicker, the larger; negative ones are dashed. */
function wires() {
  const counts = [2, ...hidden];
  show(edges, state.weights.map((matrix, k) => matrix.map((weights, to) => weights.map((weight, from) => {
    const last = k === hidden.length, [x1, y1] = [column(k) + THUMB / 2, row(from, counts[k], k)];
    const [x2, y2] = last ? [LEFT - 2, MIDDLE] : [column(k + 1) - THUMB / 2, row(to, counts[k + 1], k + 1)], bend = 0.45 * (x2 - x1);
    return draw("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, fill: "none", stroke: weight < 0 ? COLOURS.model : COLOURS.event, "stroke-width": Math.min(7, 0.4 + 1.6 * Math.abs(weight)).toFixed(2), "stroke-dasharray": weight < 0 ? "6 4" : null, opacity: Math.min(0.9, 0.2 + Math.abs(weight)).toFixed(2) });
  }))));
}

/** Both losses by step. */
function curves() {
  const high = 168, last = Math.max(50, history.at(-1)[0]), most = Math.max(0.8, Math.min(2, ...[Math.max(...history.flatMap(([, a, b]) => [a, b]))]));
  reach = scale([0, last], [52, WIDTH - 96]);
  up = scale([0, most], [high - 46, 24]);
  const canvas = picture(WIDTH, high, `Training loss ${number(state.train, 3)} and validation loss ${number(state.valid, 3)} after ${state.steps} steps`);
  const line = (k, colour, dash) => path(history.map((point) => [point[0], Math.min(point[k], most)]), reach, up, { stroke: colour, "stroke-dasharray": dash, "stroke-width": 2.4 });
  const [end, train, valid] = history.at(-1), near = Math.abs(up(train) - up(valid)) < 16 ? 8 : 0, below = train <= valid ? 1 : -1;
  const name = (value, words, colour, move) => words_at(reach(end) + 8, Math.max(16, up(Math.min(value, most)) + 5 + move), words, { colour, weight: 600, size: 14 });
  canvas.append(axis_x(reach, high - 46, "steps"), axis_y(up, 52, "loss"), line(1, COLOURS.model), line(2, COLOURS.event, "6 4"), name(train, "training", COLOURS.model, near * below), name(valid, "validation", COLOURS.event, -near * below));
  show(losses, canvas);
}
