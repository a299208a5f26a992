// The family album: eight members to choose from; those that bedside has are trained on this computer.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, choice, controls, draw, figure, html, latest, number, picture, say, scale, show, slider } from "./play.js";
import { drawing } from "./family_drawings.js";

const EDGE = 3.6;
const CHOICES = {
  classic: { label: "Machine", options: [["logistic", "logistic regression"], ["forest", "random forest"], ["boosting", "gradient boosting"]], value: "logistic" },
  deep: { label: "Hidden neurons", options: [["few", "2"], ["more", "16"], ["deep", "two layers of 16"]], value: "deep" },
};
let members = [], extra = [], picks = [];

begin(async () => {
  const data = await ask("begin");
  if (!data) return;
  members = data.members;
  picks = buttons(...members.map((one) => [one.name, () => open(one)]), ["The whole album", album]);
  album();
});

/** Marks the button that was pressed, and takes away the controls of the member before. */
function turn(name) {
  for (const one of extra) one.remove();
  extra = [];
  for (const button of picks) {
    const here = button.textContent === name;
    button.classList.toggle("first", here);
    button.setAttribute("aria-pressed", String(here));
  }
  say("");
}

/** All eight side by side. */
function album() {
  turn("The whole album");
  show(figure, html("div", { style: "display:grid;grid-template-columns:repeat(auto-fill,minmax(min(170px,100%),1fr));gap:22px 26px" }, members.map((one) =>
    html("button", { type: "button", onclick: () => open(one), style: "display:block;align-self:start;text-align:left;font-weight:400;border:0;border-top:1px solid var(--rule);border-radius:0;padding:10px 0 0;background:none;color:inherit;line-height:1.4" },
      html("b", { style: "font:500 19px/1.25 var(--serif);color:var(--model);display:block" }, one.name), html("span", { style: "display:block;padding:8px 0 6px" }, drawing(one, 190)), badge(one, 13, false),
      html("span", { style: "font-size:13.5px;color:var(--soft);display:block" }, `In: ${lower(one.goes_in)}`), html("span", { style: "font-size:13.5px;color:var(--soft);display:block" }, `Out: ${lower(one.comes_out)}`)))));
}

const lower = (words) => words[0].toLowerCase() + words.slice(1);

/** Whether bedside has such a machine, told by shape and colour; by their names if wished. */
function badge({ families }, size, named) {
  const has = families.length > 0, words = has ? "■ In bedside" : "□ Not in bedside yet";
  return html("span", { style: `display:block;font:600 ${size}px/1.4 var(--sans);margin-bottom:4px;color:${has ? COLOURS.model : COLOURS.event}` }, named && has ? `${words}: ${families.join(", ")}` : words);
}

/** One member: its words, and its miniature, live or drawn. */
function open(member) {
  turn(member.name);
  const place = html("div", { style: "margin-top:14px" });
  const row = (name, words) => html("div", {}, html("dt", { style: "font:600 13px/1.4 var(--sans);color:var(--soft)" }, name), html("dd", { style: "margin:0 0 8px;font-size:16px;line-height:1.4" }, words));
  show(figure, html("h2", { style: "font:500 25px/1.2 var(--serif);margin:0 0 2px" }, member.name),
    badge(member, 14, true),
    html("dl", { style: "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(250px,100%),1fr));gap:0 28px;margin:0" }, row("What goes in", member.goes_in), row("What comes out", member.comes_out), row("What it takes for granted", member.granted), row("In medicine", member.medicine)), place);
  if (member.key === "cnn") lesions(place);
  else if (member.live) plane(place, member.key);
  else show(place, drawing(member, 560), html("p", { style: "font-size:14px;color:var(--soft);margin:8px 0 0" }, member.families.length ? "Drawn, not computed: it is too large to be trained while you wait. In bedside it reads images." : "Drawn, not computed: bedside has no such machine yet."));
}

/** Controls that belong to a member only. */
function own(make) {
  const before = new Set(controls.children), made = make();
  extra.push(...[...controls.children].filter((one) => !before.has(one)));
  return made;
}

/** Two measurements in, a probability out: the border that a machine draws between two groups of patients. */
function plane(place, key) {
  const wide = 560, high = 420, x = scale([-EDGE, EDGE], [50, wide - 12]), y = scale([-EDGE, EDGE], [high - 48, 30]);
  let asked = null;
  const redraw = latest(async (wish) => {
    const found = await ask("border", wish);
    if (!found || !place.isConnected) return;
    const canvas = picture(wide, high, `The border that ${key === "classic" ? "this machine" : "this network"} draws between benign and malignant masses, and a new patient`);
    const [a, b] = [x(wish.first), y(wish.second)];
    canvas.append(draw("image", { href: tinted(found.surface), x: x(-EDGE), y: y(EDGE), width: x(EDGE) - x(-EDGE), height: y(-EDGE) - y(EDGE), preserveAspectRatio: "none" }),
      ...found.points.map(([p, q], k) => (Math.abs(p) > EDGE || Math.abs(q) > EDGE ? draw("g") : mark(x(p), y(q), found.target[k], 3))),
      draw("circle", { cx: a, cy: b, r: 11, fill: "none", stroke: COLOURS.paper, "stroke-width": 5 }), draw("circle", { cx: a, cy: b, r: 11, fill: "none", stroke: COLOURS.ink, "stroke-width": 2.4 }), draw("path", { d: `M${a - 16} ${b}h10m12 0h10M${a} ${b - 16}v10m0 12v10`, stroke: COLOURS.ink, "stroke-width": 2.4 }),
      axis_x(x, high - 48, `${found.features[0]}, standard deviations from the mean`), axis_y(y, 50, found.features[1]), mark(wide - 196, 14, 0, 4), draw("text", { x: wide - 186, y: 18 }, found.classes[0]), mark(wide - 116, 14, 1, 4), draw("text", { x: wide - 106, y: 18 }, found.classes[1]));
    show(place, html("p", { style: "font-size:18px;margin:0 0 6px", "aria-live": "polite" }, `In: ${found.features[0]} ${number(found.measured[0], 1)}, ${found.features[1]} ${number(found.measured[1], 1)}. Out: probability of a malignant mass `, html("b", {}, `${Math.round(100 * found.probability)} %`), "."), canvas,
      html("p", { style: "font-size:14px;color:var(--soft);margin:4px 0 0" }, `Trained here on the ${found.target.length} patients that are shown. How good it is, only other patients could tell.`));
  });
  const wished = () => ({ machine: asked.machine.value, first: asked.first.value, second: asked.second.value }), change = () => redraw(wished());
  const step = { min: -3.5, max: 3.5, step: 0.1, words: (v) => number(v, 1), change };
  asked = own(() => ({ machine: choice({ ...CHOICES[key], change }), first: slider({ ...step, label: "New patient: mean radius", value: 0.5 }), second: slider({ ...step, label: "New patient: mean texture", value: 0 }) }));
  change();
}

/** An image in, a probability out, and what the stages between make of it. */
function lesions(place) {
  show(place, html("p", { style: "font-size:16px;color:var(--soft)" }, "A small convolutional network is being trained on this computer; this takes some seconds …"));
  const redraw = latest(async (which) => {
    const found = await ask("lesion", { number: which });
    if (!found || !place.isConnected) return;
    const canvas = picture(740, 300, `A lesion, the maps of three stages of the network, and the probability that it is malignant: ${Math.round(100 * found.probability)} %`);
    const heading = (at, words, more) => draw("g", {}, draw("text", { x: at, y: 16, style: "font-size:15px;font-weight:600" }, words), draw("text", { x: at, y: 34, class: "soft", style: "font-size:13.5px" }, more));
    const sharp = "image-rendering:pixelated";
    canvas.append(heading(0, "In: an image", `${found.image.length} × ${found.image.length} pixels`), draw("image", { href: coloured(found.image), x: 0, y: 78, width: 170, height: 170, style: sharp }));
    found.stages.forEach((maps, k) => {
      const left = 208 + 132 * k, size = 56;
      canvas.append(heading(left, `Stage ${k + 1}`, `${maps[0].length} × ${maps[0].length}`), ...maps.map((map, i) => draw("image", { href: greyed(map), x: left, y: 48 + i * (size + 5), width: size, height: size, style: sharp })), draw("path", { d: `M${left - 28} 163h14m-5 -5l5 5l-5 5`, fill: "none", stroke: COLOURS.soft, "stroke-width": 1.6 }));
    });
    const top = 48, tall = 239, share = found.probability;
    canvas.append(heading(610, "Out", "malignant"), draw("path", { d: "M570 163h14m-5 -5l5 5l-5 5", fill: "none", stroke: COLOURS.soft, "stroke-width": 1.6 }), draw("rect", { x: 610, y: top, width: 30, height: tall, fill: COLOURS.paper, stroke: COLOURS.soft }), draw("rect", { x: 611, y: top + tall * (1 - share), width: 28, height: tall * share, fill: COLOURS.event }), draw("text", { x: 650, y: Math.min(top + tall - 4, top + tall * (1 - share) + 5), style: "font-size:17px;font-weight:600" }, `${Math.round(100 * share)} %`));
    show(place, canvas, html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0" }, `SYNTHETIC lesion, painted as ${found.truth}; one of ${found.unseen} that the network has not seen; on these its AUROC is ${number(found.auroc, 2)}. It was trained here on ${found.learned} others. Of each stage the four maps with the largest contrast are shown.`));
  });
  own(() => slider({ label: "Lesion", min: 1, max: 12, step: 1, value: 1, change: (v) => redraw(v - 1) }));
  redraw(0);
}

/** Circles are benign, filled diamonds malignant. */
function mark(cx, cy, target, r) {
  return target ? draw("path", { d: `M${cx} ${cy - r * 1.4}l${r * 1.4} ${r * 1.4}l${-r * 1.4} ${r * 1.4}l${-r * 1.4} ${-r * 1.4}z`, fill: COLOURS.event, stroke: COLOURS.paper, "stroke-width": 0.7 }) : draw("circle", { cx, cy, r, fill: COLOURS.paper, stroke: COLOURS.model, "stroke-width": 1.4 });
}

/** A picture as an address, from rows of anything and the colour of each. */
function painted(rows, colour) {
  const canvas = html("canvas", { width: rows[0].length, height: rows.length }), brush = canvas.getContext("2d"), shown = brush.createImageData(rows[0].length, rows.length);
  rows.flat(1).forEach((value, k) => shown.data.set([...colour(value), 255], 4 * k));
  brush.putImageData(shown, 0, 0);
  return canvas.toDataURL();
}
const greyed = (map) => painted(map, (value) => [0, 0, 0].map(() => Math.round(255 * value)));
const coloured = (image) => painted(image, (value) => value);
/** Blue where benign is more probable, orange where malignant is; paler where it is unsure. */
const tinted = (surface) => painted([...surface].reverse(), (chance) => {
  const side = chance < 0.5 ? [27, 85, 131] : [196, 88, 26], strong = 0.06 + 0.5 * Math.abs(2 * chance - 1);
  return side.map((c) => Math.round(255 + (c - 255) * strong));
});
