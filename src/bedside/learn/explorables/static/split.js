// Patient split or image split: the same images and the same model, two tests, and what new patients show.
import { COLOURS, ask, axis_x, begin, buttons, choice, draw, figure, html, latest, number, numbers, picture, player, scale, show, slider } from "./play.js";
import { painted } from "./shapes.js";

const WIDTH = 820, LEFT = 178, ROUND = 12;
const x = scale([0.3, 1], [LEFT, WIDTH - 18]);
const ROWS = {
  image: { words: "Image split", more: "images dealt at random", y: 44, colour: COLOURS.event },
  patient: { words: "Patient split", more: "patients dealt at random", y: 122, colour: COLOURS.model },
  new: { words: "New patients", more: "200 of them, afterwards", y: 200, colour: COLOURS.soft },
};
const AXIS = 262, TILE = 46;
const facts = html("div", { "aria-live": "polite" }), plot = html("div"), album = html("div", { style: "margin-top:14px" });
const caption = html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0" });
let studies = [], last = null, goal = ROUND, wished = null;

begin(async () => {
  show(figure, facts, plot, album, caption);
  let wait = null;
  const repeats = player(async () => {
    const asked = wished(), found = await ask("repeat", { ...asked, seed: studies.length + 1 });
    if (!found || JSON.stringify(asked) !== JSON.stringify(wished())) return false;
    studies.push(found);
    draw_plot();
    return studies.length < goal;
  }, (on) => { if (more) more.disabled = on; });
  const redraw = latest(async () => {
    const found = await ask("look", wished());
    if (!found) return;
    last = found;
    [studies, goal] = [[], ROUND];
    draw_plot();
    draw_album();
  });
  const change = async () => {
    repeats.stop();
    clearTimeout(wait);
    await redraw();
    clearTimeout(wait);
    wait = setTimeout(() => repeats.start(), 350);
  };
  const strength = (v) => (v === 0 ? "none" : number(v, 2));
  const disease = slider({ label: "Signal of the disease", min: 0, max: 1, step: 0.05, value: 0.35, words: strength, help: "How bright the spot is that ill patients have.", change });
  const fingerprint = slider({ label: "Fingerprint of the patient", min: 0, max: 1.5, step: 0.05, value: 0.7, words: strength, help: "How much the images of one patient resemble each other.", change });
  const images = slider({ label: "Images of each patient", min: 1, max: 12, step: 1, value: 6, change });
  const model = choice({ label: "Model", options: [["neighbours", "the 5 nearest images"], ["logistic", "logistic regression"]], value: "neighbours", change });
  wished = () => ({ disease: disease.value, fingerprint: fingerprint.value, images: images.value, model: model.value });
  const [more] = buttons([`${ROUND} more studies`, () => { goal = studies.length + ROUND; repeats.start(); }]);
  more.setAttribute("aria-label", `${ROUND} more studies with other patients`);
  await redraw();
  wait = setTimeout(() => repeats.start(), 350);
});

/** One row for each way of testing: this study with its interval, and every repeated study as a dot. */
function draw_plot() {
  const canvas = picture(WIDTH, AXIS + 44, "AUROC of the image split, of the patient split and on new patients: this study with its interval, and repeated studies as dots");
  const coin = draw("g", {}, draw("line", { x1: x(0.5), x2: x(0.5), y1: 12, y2: AXIS, stroke: COLOURS.soft, "stroke-dasharray": "3 4" }), draw("text", { x: x(0.5) + 6, y: 20, class: "soft" }, "a coin"));
  canvas.append(coin, ...Object.entries(ROWS).map(([key, row]) => line_of(key, row)), axis_x(x, AXIS, "AUROC", (v) => number(v, 1)));
  show(plot, canvas);
  const area = ({ value }) => number(value, 2);
  numbers(facts, [["AUROC, image split", area(last.image)], ["AUROC, patient split", area(last.patient)], ["AUROC, new patients", area(last.new)],
    ["Nearest training image is a sibling: image | patient split", `${Math.round(100 * last.image.siblings)} % | ${Math.round(100 * last.patient.siblings)} %`]]);
}

function line_of(key, { words, more, y, colour }) {
  const { value, low, high } = last[key], within = (v) => x(Math.max(0.3, v));
  const text = draw("g", {}, draw("text", { x: 0, y: y - 1, style: `font-size:17px;font-weight:600;fill:${colour}` }, words), draw("text", { x: 0, y: y + 17, class: "soft", style: "font-size:13.5px" }, more));
  const bar = low === null ? null : draw("g", { stroke: colour, "stroke-width": 2.4 }, draw("line", { x1: within(low), x2: within(high), y1: y, y2: y }), [low, high].map((end) => draw("line", { x1: within(end), x2: within(end), y1: y - 6, y2: y + 6 })));
  const stacked = {};
  const dots = studies.map((study) => {
    const place = Math.round(study[key] * 70), many = (stacked[place] = (stacked[place] ?? 0) + 1);
    return draw("circle", { cx: within(place / 70).toFixed(1), cy: y + 12 + 7.2 * (1 + (many - 1) % 6), r: 3.3, fill: colour, opacity: 0.45 });
  });
  const mark = key === "image" ? draw("path", { d: `M${within(value)} ${y - 9}l9 9l-9 9l-9 -9z`, fill: colour }) : key === "patient" ? draw("circle", { cx: within(value), cy: y, r: 8, fill: colour }) : draw("rect", { x: within(value) - 7, y: y - 7, width: 14, height: 14, fill: colour });
  return draw("g", {}, draw("line", { x1: LEFT, x2: WIDTH - 18, y1: y, y2: y, stroke: COLOURS.hair }), text, dots, bar, mark);
}

/** The first patients twice: which of their images train and which test, in one fold of either split. */
function draw_album() {
  const columns = last.grey[0].length, step = 418;
  const canvas = picture(WIDTH, 36 + last.grey.length * (TILE + 6), "Images of four patients in one fold of each split; those that test the model are framed");
  const tiles = last.grey.map((images) => images.map(tile));
  for (const [side, key] of ["image", "patient"].entries()) {
    const left = side * step;
    canvas.append(draw("text", { x: left, y: 16, style: `font-size:16px;font-weight:600;fill:${ROWS[key].colour}` }, ROWS[key].words), draw("text", { x: left + 112, y: 16, class: "soft", style: "font-size:14px" }, "framed: tests, others train"),
      ...tiles.map((row, k) => {
        const y = 32 + k * (TILE + 6);
        return draw("g", {}, row.map((href, i) => {
          const tests = last[key].shown[k][i], at = left + 82 + i * TILE;
          return [draw("image", { href, x: at + 3, y: y + 3, width: TILE - 6, height: TILE - 6, style: "image-rendering:pixelated", opacity: tests ? 1 : 0.7 }),
            tests ? draw("rect", { x: at + 2, y: y + 2, width: TILE - 4, height: TILE - 4, fill: "none", stroke: ROWS[key].colour, "stroke-width": 3.4 }) : null];
        }), draw("text", { x: left, y: y + 22, style: "font-size:14px" }, `Patient ${k + 1}`), draw("text", { x: left, y: y + 38, class: "soft", style: "font-size:14px" }, last.ill[k] ? "ill" : "healthy"));
      }));
  }
  show(album, canvas);
  caption.textContent = `Planted data: 60 patients, half of them ill, ${wished().images} ${wished().images === 1 ? "image" : "images"} of 12 × 12 pixels of each${wished().images > columns ? `, ${columns} shown` : ""}. Bars are 95 % intervals with the patient as the unit; every small dot is the same study with other patients.`;
}

/** A small grey image as an address, from its pixels one after the other. */
function tile(pixels) {
  const side = Math.sqrt(pixels.length);
  return painted(Array.from({ length: side }, (_, row) => pixels.slice(row * side, (row + 1) * side)), (grey) => [grey, grey, grey]);
}
