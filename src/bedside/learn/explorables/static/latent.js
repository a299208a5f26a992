// Latent space by epoch: points move while the network learns; a chosen one shows who it is.
import { COLOURS, ask, begin, buttons, choice, draw, figure, html, number, numbers, picture, player, say, scale, show, slider } from "./play.js";
import { photo } from "./pictures.js";

const WIDTH = 800, HEIGHT = 520, MOVE = 420;
const facts = html("div", { "aria-live": "polite" }), drawing = html("div", { style: "margin-top:12px" }), who = html("div", { style: "min-height:150px;font:15px/1.5 var(--sans);padding-top:8px" });
const CLASSES = ["benign", "malignant"], SHOWN = { masses: "Breast mass", lesions: "Generated lesion" };
let found, data = "masses", epoch = 0, chosen = null, x, y, points, trail;

begin(async () => {
  show(figure, facts, drawing, who);
  const slide = slider({ label: "Epoch", min: 0, max: 12, step: 1, value: 0, words: (k) => (k === 0 ? "0: before learning" : String(k)), change: (k) => { running.stop(); epoch = k; place(); } });
  choice({ label: "Patients", options: [["masses", "Breast masses, by 30 measurements"], ["lesions", "Generated skin lesions, by their images"]], value: data, help: "The lesions take some seconds to learn, once.", change: async (wished) => {
    running.stop();
    data = wished;
    chosen = null;
    say(data === "lesions" ? "A small network learns from other lesions; this takes some seconds, once." : "");
    if (await learn()) { slide.querySelector("input").max = found.epochs.length - 1; epoch = 0; slide.set(0); place(); say(""); }
  } });
  const running = player(async () => {
    epoch = epoch >= found.epochs.length - 1 ? 0 : epoch + 1;
    slide.set(epoch);
    place();
    await new Promise((resolve) => setTimeout(resolve, MOVE + 180));
    return epoch < found.epochs.length - 1;
  }, (on) => { go.textContent = on ? "Stop" : "Run through the epochs"; });
  const [go] = buttons(["Run through the epochs", () => running.toggle(), true]);
  if (await learn()) place();
});

async function learn() {
  const answer = await ask("course", { data });
  if (!answer) return false;
  found = answer;
  const all = found.epochs.flatMap((one) => one.points), ends = (k) => { const values = all.map((point) => point[k]), [low, high] = [Math.min(...values), Math.max(...values)], room = 0.06 * (high - low); return [low - room, high + room]; };
  x = scale(ends(0), [14, WIDTH - 14]);
  y = scale(ends(1), [HEIGHT - 34, 40]);
  trail = draw("g");
  points = found.target.map((target, k) => draw("g", { class: "moves", style: `transition-duration:${MOVE}ms`, "data-row": k, cursor: "pointer", onclick: () => choose(k) }, shape(target)));
  const order = points.map((_, k) => k).sort((a, b) => found.target[a] - found.target[b]);  // malignant ones on top
  const canvas = picture(WIDTH, HEIGHT, `${found.target.length} patients in the first two principal components of the latent space; arrow keys choose one`);
  Object.entries({ tabindex: 0, role: "application" }).forEach(([key, value]) => canvas.setAttribute(key, value));
  canvas.addEventListener("keydown", keyed);
  canvas.append(draw("rect", { x: 1, y: 28, width: WIDTH - 2, height: HEIGHT - 52, fill: "none", stroke: COLOURS.rule }), trail, draw("g", {}, order.map((k) => points[k])), legend(),
    draw("text", { x: WIDTH - 2, y: HEIGHT - 6, "text-anchor": "end", class: "soft" }, `two directions of ${found.width}: ${number(100 * found.kept, 0)} % of all that varies, over all epochs together`));
  show(drawing, canvas);
  show(who, html("p", { style: "margin:0;color:var(--soft)" }, "Choose a point to see who it is."));
  return true;
}

/** Circles are benign, diamonds malignant; hollow what the network calls benign, filled what it calls malignant. */
function shape(target, called = target) {
  const look = { fill: called ? COLOURS[target ? "event" : "model"] : COLOURS.paper, stroke: COLOURS[target ? "event" : "model"], "stroke-width": 1.8 };
  return target ? draw("path", { d: "M0 -7l7 7l-7 7l-7 -7z", ...look }) : draw("circle", { r: 5.2, ...look });
}

function legend() {
  const entries = [[0, 0, "benign, called benign"], [0, 1, "benign, called malignant"], [1, 1, "malignant, called malignant"], [1, 0, "malignant, called benign"]];
  return draw("g", {}, entries.map(([target, called, words], k) => draw("g", { transform: `translate(${10 + k * 197} 12)` }, shape(target, called), draw("text", { x: 12, y: 4.5 }, words))));
}

function place() {
  const now = found.epochs[epoch], called = now.probability.map((value) => (value > 0.5 ? 1 : 0));
  const wrong = called.filter((value, k) => value !== found.target[k]).length;
  numbers(facts, [["Epoch", String(epoch)], ["Loss", number(now.loss, 2)], ["AUROC", number(now.auroc, 3)], ["On the wrong side", `${wrong} of ${called.length}`]]);
  points.forEach((point, k) => {
    const [a, b] = now.points[k];
    point.style.transform = `translate(${x(a).toFixed(1)}px, ${y(b).toFixed(1)}px)`;
    const ring = k === chosen ? draw("circle", { r: 11, fill: "none", stroke: COLOURS.ink, "stroke-width": 2 }) : null;
    point.replaceChildren(...[shape(found.target[k], called[k]), ring].filter(Boolean));
  });
  if (chosen === null) return trail.replaceChildren();
  const path = found.epochs.slice(0, epoch + 1).map((one) => one.points[chosen]);
  trail.replaceChildren(draw("polyline", { points: path.map(([a, b]) => `${x(a)},${y(b)}`).join(" "), fill: "none", stroke: COLOURS.soft, "stroke-width": 1.4 }), ...path.map(([a, b]) => draw("circle", { cx: x(a), cy: y(b), r: 2, fill: COLOURS.soft })));
  const says = who.querySelector(".says");
  if (says) says.textContent = `After epoch ${epoch} the network says: malignant with a probability of ${number(100 * now.probability[chosen], 0)} %.`;
}

async function choose(k) {
  chosen = k;
  const answer = await ask("one", { data, row: k });
  if (!answer || chosen !== k) return;
  const title = html("b", {}, `${SHOWN[data]} ${k + 1} is ${CLASSES[found.target[k]]}.`), says = html("span", { class: "says" });
  const words = html("p", { style: "margin:0 0 8px" }, title, " ", says);
  if (answer.image) show(who, html("div", { style: "display:grid;grid-template-columns:150px 1fr;gap:18px" }, photo(answer.image, `The image of lesion ${k + 1}`), words));
  else show(who, words, html("table", {}, html("tr", {}, ["", "this patient", "mean of those shown"].map((text) => html("th", { scope: "col" }, text))), answer.values.map((one) => html("tr", {}, html("th", { scope: "row", style: "font-weight:400" }, one.name), html("td", {}, number(Number(one.value.toPrecision(3)))), html("td", {}, number(Number(one.mean.toPrecision(3))))))));
  place();
}

/** Right and left go through the points as they lie from left to right. */
function keyed(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || !found) return;
  event.preventDefault();
  const row = found.target.map((_, k) => k).sort((a, b) => found.epochs[epoch].points[a][0] - found.epochs[epoch].points[b][0]);
  const at = chosen === null ? (step > 0 ? -1 : row.length) : row.indexOf(chosen);
  choose(row[Math.min(row.length - 1, Math.max(0, at + step))]);
}
