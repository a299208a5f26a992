// Shortcut: rulers go with the diagnosis more and more; two accuracies part, and the map walks to the ruler.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, draw, figure, html, latest, number, path, picture, player, say, scale, show, slider } from "./play.js";
import { photo } from "./pictures.js";

const WIDTH = 800, HEIGHT = 300, SHARES = [50, 60, 70, 80, 90, 100];
const x = scale([50, 100], [56, 366]), right = scale([50, 100], [474, 784]), y = scale([0.4, 1.1], [HEIGHT - 50, 44]), heat = scale([0, 1], [HEIGHT - 50, 44]);
const curves = html("div"), seen = html("div"), examples = html("div"), known = new Map();
const percent = (value) => `${number(100 * value, 0)} %`;

begin(async () => {
  show(figure, curves, seen, examples);
  const redraw = latest(look);
  const share = slider({ label: "Ruler goes with the diagnosis", min: 50, max: 100, step: 10, value: 50, words: (v) => `${v} %${v === 50 ? ", by chance" : ""}`, help: "In this share of the patients whom the network learns from there is a ruler beside a malignant lesion, or none beside a benign one. Each share is trained once, for some seconds.", change: redraw });
  const all = player(async () => {
    const next = SHARES.find((value) => !known.has(value));
    if (next === undefined) return false;
    share.set(next);
    await look(next);
    return true;
  }, (on) => { go.textContent = on ? "Stop" : "Train all six"; });
  const [go] = buttons(["Train all six", () => all.toggle(), true]);
  await look(50);
});

async function look(share) {
  const planted = await ask("plant", { share });
  if (!planted) return;
  if (!known.has(share)) {
    show(examples, groups(planted));
    say("A small network learns from these images; this takes some seconds, once for each share.");
    const found = await ask("learn", { share });
    if (!found) return;
    known.set(share, found);
    say("");
  }
  show(curves, chart(share));
  show(seen, maps(known.get(share)));
  show(examples, groups(planted));
}

/** Accuracies on the left, shares of the heat on the right; what is not trained yet is not drawn. */
function chart(share) {
  const now = known.get(share), row = [...known.values()].sort((a, b) => a.share - b.share);
  const canvas = picture(WIDTH, HEIGHT, `With rulers as in training ${percent(now.same)} are right, with rulers by chance ${percent(now.chance)}; ${percent(now.heat.ruler.heat)} of the heat lies on the ruler, ${percent(now.heat.lesion.heat)} on the lesion`);
  const line = (across, up, value, words, colour, diamond, below) => {
    const marks = row.map((one) => { const [cx, cy] = [across(one.share), up(value(one))]; return diamond ? draw("path", { d: `M${cx} ${cy - 6}l6 6l-6 6l-6 -6z`, fill: colour }) : draw("circle", { cx, cy, r: 4.6, fill: colour }); });
    const last = value(now), place = across(share) < across(85) ? { x: across(share) + 10, "text-anchor": "start" } : { x: across(share) - 10, "text-anchor": "end" };
    return draw("g", {}, path(row.map((one) => [one.share, value(one)]), across, up, { stroke: colour }), marks, draw("text", { ...place, y: up(last) + (below && up(last) < HEIGHT - 80 ? 20 : -10), style: `fill:${colour};font-weight:600`, "paint-order": "stroke", stroke: COLOURS.paper, "stroke-width": 5 }, `${words}: ${percent(last)}`));
  };
  const over = (a, b) => a >= b;
  const first = over(now.same, now.chance + 1e-9), lesion = over(now.heat.lesion.heat, now.heat.ruler.heat), same = Math.abs(now.same - now.chance) < 1e-9;
  const guide = (across) => draw("line", { x1: across(share), x2: across(share), y1: 40, y2: HEIGHT - 50, stroke: COLOURS.rule, "stroke-width": 1.5 });
  canvas.append(guide(x), guide(right), axis_x(x, HEIGHT - 50, "ruler goes with the diagnosis, % of patients"), axis_y(y, 56, `Right, of ${now.tested} other patients`, percent), axis_x(right, HEIGHT - 50, "ruler goes with the diagnosis, % of patients"), axis_y(heat, 474, "Share of the Grad-CAM that lies on it", percent),
    line(x, y, (one) => one.same, "rulers as in training", COLOURS.model, false, !first && !same), line(x, y, (one) => one.chance, "rulers by chance", COLOURS.event, true, first || same),
    line(right, heat, (one) => one.heat.lesion.heat, "lesion", COLOURS.model, false, !lesion), line(right, heat, (one) => one.heat.ruler.heat, "ruler", COLOURS.event, true, lesion));
  return canvas;
}

const caption = (text) => html("p", { style: "margin:10px 0 6px;font:15px/1.4 var(--sans)" }, text);
const strip = (children) => html("div", { style: "display:grid;grid-template-columns:repeat(6,minmax(0,1fr));gap:8px" }, children);

/** Malignant lesions on which the network was not trained, with its evidence over them. */
function maps(found) {
  return [caption("Malignant lesions it has not seen, with a ruler beside each: where the evidence lies, and how probable it finds malignancy"),
    strip(found.shown.map((one, k) => html("figure", { style: "margin:0" }, photo(one.image, `Lesion ${k + 1} with a ruler`), photo(one.over, `Its Grad-CAM at ${found.share} %`, "margin-top:4px"),
      html("figcaption", { style: "font-size:13px" }, html("b", { style: "color:var(--ink)" }, percent(one.with)), " with ruler", html("br"), html("b", { style: "color:var(--ink)" }, percent(one.without)), " without"))))];
}

/** What the network learns from. */
function groups(planted) {
  return planted.groups.map((group) => [caption(`Learnt from: ${group.name}, ${percent(group.rulers)} with a ruler`), strip(group.images.map((src, k) => photo(src, `${group.name} lesion ${k + 1} of the training`)))]);
}
