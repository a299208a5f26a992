// The family album: eight members to choose from; those that bedside has are trained on this computer.
import { COLOURS, ask, axis_x, axis_y, begin, buttons, choice, controls, draw, figure, html, latest, number, picture, say, scale, show, slider } from "./play.js";
import { drawing } from "./family_drawings.js";
import { mark, painted, shade } from "./shapes.js";

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
  else if (member.key === "transformer") patches(place);
  else if (member.key === "rnn") hearts(place);
  else if (member.key === "graph") compounds(place);
  else if (member.key === "autoencoder") masses(place);
  else if (member.key === "generative") wishes(place);
  else if (member.live) plane(place, member.key);
  else show(place, drawing(member, 560), html("p", { style: "font-size:14px;color:var(--soft);margin:8px 0 0" }, "Drawn, not computed: bedside has no such machine yet."));
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

/** An image cut in patches, and how much of the decision comes from each, before and after training. */
function patches(place) {
  show(place, html("p", { style: "font-size:16px;color:var(--soft)" }, "A small transformer is being trained on this computer; this takes some seconds …"));
  const percent = (share) => `${number(100 * share, 1)} %`, sharp = "image-rendering:pixelated";
  const redraw = latest(async (which) => {
    const found = await ask("attended", { number: which });
    if (!found || !place.isConnected) return;
    const cells = found.patches.length, even = 1 / cells ** 2, side = 42, gap = 5, wide = cells * (side + gap) - gap, top = 48;
    const canvas = picture(740, 238, `A lesion in ${cells * cells} patches, the share of the decision that comes from each before and after training, and the probability that it is malignant: ${Math.round(100 * found.probability)} %`);
    const heading = (at, words, more) => draw("g", {}, draw("text", { x: at, y: 16, style: "font-size:15px;font-weight:600" }, words), draw("text", { x: at, y: 34, class: "soft", style: "font-size:13.5px" }, more));
    const grid = (left, cell) => found.patches.map((row, i) => row.map((_, k) => cell(left + k * (side + gap), top + i * (side + gap), i, k)));
    const shares = (left, map) => grid(left, (x, y, i, k) => {
      const share = map[i][k], dark = Math.max(0, Math.min(0.9, 0.2 + 2.5 * (share / even - 1)));
      return [draw("rect", { x, y, width: side, height: side, fill: COLOURS.event, "fill-opacity": dark, stroke: COLOURS.rule }), draw("text", { x: x + side / 2, y: y + side / 2 + 5, "text-anchor": "middle", style: "font-size:13.5px" }, number(100 * share, 1))];
    });
    const on = (x) => draw("path", { d: `M${x} ${top + wide / 2}h12m-5 -5l5 5l-5 5`, fill: "none", stroke: COLOURS.soft, "stroke-width": 1.6 });
    const step = wide + 34, out = 3 * step, tall = wide, probability = found.probability;
    canvas.append(heading(0, `In: ${cells * cells} patches`, `of ${found.patches[0][0].length} × ${found.patches[0][0].length} pixels`), ...grid(0, (x, y, i, k) => draw("image", { href: coloured(found.patches[i][k]), x, y, width: side, height: side, style: sharp })).flat(), on(wide + 10),
      heading(step, "Before training", "per cent from each patch"), ...shares(step, found.before).flat(2), on(step + wide + 10),
      heading(2 * step, "After training", "per cent from each patch"), ...shares(2 * step, found.after).flat(2), on(2 * step + wide + 10),
      heading(out, "Out", "malignant"), draw("rect", { x: out, y: top, width: 30, height: tall, fill: COLOURS.paper, stroke: COLOURS.soft }), draw("rect", { x: out + 1, y: top + tall * (1 - probability), width: 28, height: tall * probability, fill: COLOURS.event }), draw("text", { x: out + 38, y: Math.min(top + tall - 4, top + tall * (1 - probability) + 5), style: "font-size:17px;font-weight:600" }, `${Math.round(100 * probability)} %`));
    const coin = found.auroc < 0.5 ? ", no better than a coin" : found.auroc < 0.65 ? ", little better than a coin" : "";
    show(place, canvas, html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0;max-width:72ch" }, `SYNTHETIC lesion, painted as ${found.truth}; one of ${found.unseen} that the network has not seen. On these its AUROC is ${number(found.auroc, 2)}${coin}: it learned from ${found.learned} lesions only, the same that the convolutional network learned from. Compare them.`),
      html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0;max-width:72ch" }, `Trained here from chance: timm's smallest transformer (${found.architecture}), ${found.blocks} blocks, ${Math.round(found.weights / 1000)} thousand weights; the image is enlarged to ${found.image.length} × ${found.image.length} pixels for its patches. The shares are what attention rollout says that each patch passes on to the decision; if all counted alike, each would have ${percent(even)}.`));
  });
  own(() => slider({ label: "Lesion", min: 1, max: 12, step: 1, value: 1, change: (v) => redraw(v - 1) }));
  redraw(0);
}

/** A recording read from the beginning to the end, and what the network would say if it ended here. */
function hearts(place) {
  show(place, html("p", { style: "font-size:16px;color:var(--soft)" }, "A small recurrent network is being trained on this computer; this takes some seconds …"));
  const wide = 720, left = 44, row = 92, low = 110;
  let asked = null, found = null;
  const paint = () => {
    if (!found || !place.isConnected) return;
    const steps = found.answers.length, read = Math.max(1, Math.round(asked.read.value / 100 * steps)), now = found.answers[read - 1];
    const channels = found.traces.length, high = channels * row + low + 40, x = scale([0, found.seconds], [left, wide - 14]), y = scale([0, 1], [channels * row + low, channels * row + 16]);
    const canvas = picture(wide, high, `An electrocardiogram read up to ${number(read * found.step, 1)} seconds, and the probability of ischaemia after each step: now ${Math.round(100 * now)} %`);
    const end = read * found.step, path = (values, line) => `M${values.map((v, k) => `${x((k + 0.5) / values.length * found.seconds).toFixed(1)} ${line(v).toFixed(1)}`).join("L")}`;
    canvas.append(draw("rect", { x: x(0), y: 4, width: x(end) - x(0), height: channels * row + low - 4, fill: COLOURS.model, "fill-opacity": 0.07 }));
    found.traces.forEach((values, k) => {
      const line = scale([Math.min(...values), Math.max(...values)], [(k + 1) * row - 10, k * row + 12]), cut = Math.round(end / found.seconds * values.length);
      canvas.append(draw("text", { x: 4, y: k * row + row / 2 + 5, class: "soft", style: "font-size:14px" }, found.channels[k]), draw("path", { d: path(values, line), fill: "none", stroke: COLOURS.soft, "stroke-width": 1, "stroke-opacity": 0.55 }),
        draw("path", { d: `M${values.slice(0, cut).map((v, i) => `${x((i + 0.5) / values.length * found.seconds).toFixed(1)} ${line(v).toFixed(1)}`).join("L")}`, fill: "none", stroke: COLOURS.ink, "stroke-width": 1.6 }));
    });
    canvas.append(axis_y(y, left, "probability"), axis_x(x, channels * row + low, "seconds"), draw("path", { d: `M${found.answers.slice(0, read).map((p, k) => `${x((k + 1) * found.step).toFixed(1)} ${y(p).toFixed(1)}`).join("L")}`, fill: "none", stroke: COLOURS.event, "stroke-width": 2.4 }), draw("circle", { cx: x(end), cy: y(now), r: 5.5, fill: COLOURS.event }));
    show(place, html("p", { style: "font-size:18px;margin:0 0 6px", "aria-live": "polite" }, `After ${number(end, 1)} s: probability of ischaemia `, html("b", {}, `${Math.round(100 * now)} %`), "."), canvas,
      html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0;max-width:72ch" }, `SYNTHETIC recording, made as ${found.truth}; one of ${found.unseen} that the network has not seen, on these its AUROC is ${number(found.auroc, 2)}. It was trained here on ${found.learned} others, whole ones: a GRU with ${Math.round(found.weights / 100) / 10} thousand weights that carries its memory from step to step, ${number(1000 * found.step, 0)} ms each. A recording that ends after half a beat is nothing that it has learned from.`));
  };
  const redraw = latest(async (which) => { found = await ask("heard", { number: which }) || found; paint(); });
  asked = own(() => ({ which: slider({ label: "Recording", min: 1, max: 12, step: 1, value: 1, change: (v) => redraw(v - 1) }), read: slider({ label: "Read so far", min: 4, max: 100, step: 4, value: 100, words: (v) => `${v} %`, change: paint }) }));
  redraw(0);
}

/** A molecule as it is drawn, and behind its atoms what spoke for the answer. */
function compounds(place) {
  show(place, html("p", { style: "font-size:16px;color:var(--soft)" }, "A small graph network is being trained on this computer; this takes some seconds …"));
  const shown = (svg, words, title) => html("figure", { style: "margin:0" }, html("img", { src: `data:image/svg+xml;utf8,${encodeURIComponent(svg)}`, alt: words, style: "width:100%;background:#fff;border:1px solid var(--rule)" }), html("figcaption", { style: "font-size:14px;color:var(--soft)" }, title));
  const redraw = latest(async (which) => {
    const found = await ask("read", { number: which });
    if (!found || !place.isConnected) return;
    show(place, html("p", { style: "font-size:18px;margin:0 0 6px", "aria-live": "polite" }, `In: ${found.atoms} atoms and ${found.bonds} bonds. Out: probability of a nitro group `, html("b", {}, `${Math.round(100 * found.probability)} %`), "."),
      html("div", { style: "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr));gap:12px;max-width:760px" }, shown(found.plain, `The molecule ${found.smiles}`, "In: a molecule; hydrogens are not drawn."), shown(found.drawing, `The same molecule; behind its atoms the evidence for a nitro group`, "What spoke for a nitro group (orange) and against it (blue), atom by atom: integrated gradients.")),
      html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0;max-width:72ch" }, `COMPUTED molecule, made ${found.truth === "nitro" ? "with" : "without"} a nitro group (a nitrogen with two oxygens); one of ${found.unseen} that the network has not seen, with rings that it has not seen either; on these its AUROC is ${number(found.auroc, 2)}. It was trained here on ${found.learned} others and was never told where to look.`));
  });
  own(() => slider({ label: "Molecule", min: 1, max: 12, step: 1, value: 1, change: (v) => redraw(v - 1) }));
  redraw(0);
}

/** Thirty measurements through two numbers and back, and the map that the two numbers make. */
function masses(place) {
  show(place, html("p", { style: "font-size:16px;color:var(--soft)" }, "A small autoencoder is being trained on this computer; this takes some seconds …"));
  const wide = 740, row = 15, top = 42;
  const redraw = latest(async (which) => {
    const found = await ask("passed", { number: which });
    if (!found || !place.isConnected) return;
    const n = found.features.length, high = top + n * row + 44, edge = Math.ceil(Math.max(4, ...[...found.given, ...found.back].map(Math.abs)));
    const x = scale([-edge, edge], [170, 410]), ends = (k) => { const all = found.codes.map((code) => code[k]); return [Math.min(...all), Math.max(...all)]; };
    const a = scale(ends(0), [470, wide - 14]), b = scale(ends(1), [high - 60, top + 8]), here = found.codes[found.place];
    const canvas = picture(wide, high, `Thirty measurements of a mass and what the network gives back, and the codes of ${found.unseen} masses as a map; more unusual than ${Math.round(100 * found.unusual)} % of benign ones`);
    const heading = (at, words, more) => draw("g", {}, draw("text", { x: at, y: 14, style: "font-size:15px;font-weight:600" }, words), draw("text", { x: at, y: 31, class: "soft", style: "font-size:13.5px" }, more));
    canvas.append(heading(0, "In and out again", "○ measured, ● given back"), heading(470, "Between", "a code of two numbers"),
      ...found.features.map((name, k) => { const y = top + (k + 0.5) * row, given = x(found.given[k]), back = x(found.back[k]); return draw("g", {}, draw("text", { x: 160, y: y + 4, "text-anchor": "end", class: "soft", style: "font-size:11.5px" }, name), draw("path", { d: `M${given} ${y}H${back}`, stroke: COLOURS.event, "stroke-width": 2 }), draw("circle", { cx: given, cy: y, r: 4, fill: COLOURS.paper, stroke: COLOURS.ink, "stroke-width": 1.6 }), draw("circle", { cx: back, cy: y, r: 3, fill: COLOURS.event })); }),
      axis_x(x, top + n * row + 4, "standard deviations of benign masses"),
      ...found.codes.map((code, k) => mark(a(code[0]), b(code[1]), found.target[k], 3.4)),
      draw("circle", { cx: a(here[0]), cy: b(here[1]), r: 11, fill: "none", stroke: COLOURS.ink, "stroke-width": 2.4 }), mark(480, high - 14, 0, 4), draw("text", { x: 490, y: high - 10 }, found.classes[0]), mark(580, high - 14, 1, 4), draw("text", { x: 590, y: high - 10 }, found.classes[1]));
    show(place, html("p", { style: "font-size:18px;margin:0 0 6px", "aria-live": "polite" }, "More unusual than ", html("b", {}, `${Math.round(100 * found.unusual)} %`), " of benign masses that it did not learn from."), canvas,
      html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0;max-width:72ch" }, `A real mass, ${found.truth}; one of ${found.unseen} that the network has not seen. It learned here from ${found.learned} benign masses to give them back; diagnoses served only to choose these. Long orange lines are what it cannot give back. As a test for cancer its error has an AUROC of ${number(found.auroc, 2)} on the masses that it has not seen.`));
  });
  own(() => slider({ label: "Mass", min: 1, max: 12, step: 1, value: 2, change: (v) => redraw(v - 1) }));
  redraw(1);
}

/** A code and a class become a mass that nobody has; beside it real masses, and as many that were drawn. */
function wishes(place) {
  show(place, html("p", { style: "font-size:16px;color:var(--soft)" }, "A small generative model is being trained on this computer; this takes some seconds …"));
  const wide = 740, high = 400, left = 290, edge = 2.5;
  let asked = null;
  const redraw = latest(async (wish) => {
    const found = await ask("made", wish);
    if (!found || !place.isConnected) return;
    const every = [...found.real, ...found.drawn, found.columns.map((name) => found.mass[name])], ends = (k) => { const all = every.map((one) => one[k]); return [Math.min(...all), Math.max(...all)]; };
    const [a, b] = [0, 1].map((k) => scale([-edge, edge], k ? [310, 98] : [8, 220])), x = scale(ends(0), [left + 50, wide - 12]), y = scale(ends(1), [high - 56, 74]);
    const here = found.columns.map((name) => found.mass[name]), colour = wish.malignant ? COLOURS.event : COLOURS.model;
    const canvas = picture(wide, high, `A code of two numbers, ${number(wish.first, 1)} and ${number(wish.second, 1)}, and the ${found.truth} mass that is made of it; beside it ${found.real.length} real and ${found.drawn.length} drawn ones`);
    const heading = (at, words, more) => draw("g", {}, draw("text", { x: at, y: 14, style: "font-size:15px;font-weight:600" }, words), draw("text", { x: at, y: 32, class: "soft", style: "font-size:13.5px" }, more));
    canvas.append(heading(0, "In: a code", "most are near the middle"), ...[1, 2].map((r) => draw("ellipse", { cx: a(0), cy: b(0), rx: a(r) - a(0), ry: b(0) - b(r), fill: "none", stroke: COLOURS.rule })), draw("circle", { cx: a(wish.first), cy: b(wish.second), r: 6, fill: COLOURS.ink }), draw("path", { d: `M240 204h20m-6 -6l6 6l-6 6`, fill: "none", stroke: COLOURS.soft, "stroke-width": 1.8 }),
      heading(left + 30, `Out: a ${found.truth} mass`, "○ real, ● drawn by chance, ⊕ made of your code"),
      axis_x(x, high - 56, found.columns[0]), axis_y(y, left + 50, found.columns[1]),
      ...found.real.map(([p, q]) => draw("circle", { cx: x(p), cy: y(q), r: 3, fill: "none", stroke: COLOURS.soft, "stroke-width": 1 })), ...found.drawn.map(([p, q]) => draw("circle", { cx: x(p), cy: y(q), r: 2.6, fill: colour, "fill-opacity": 0.75 })),
      draw("circle", { cx: x(here[0]), cy: y(here[1]), r: 10, fill: "none", stroke: COLOURS.paper, "stroke-width": 5 }), draw("circle", { cx: x(here[0]), cy: y(here[1]), r: 10, fill: "none", stroke: COLOURS.ink, "stroke-width": 2.4 }), draw("path", { d: `M${x(here[0]) - 15} ${y(here[1])}h30M${x(here[0])} ${y(here[1]) - 15}v30`, stroke: COLOURS.ink, "stroke-width": 2 }));
    show(place, html("p", { style: "font-size:18px;margin:0 0 6px", "aria-live": "polite" }, `Out: a ${found.truth} mass, ${found.columns[0]} `, html("b", {}, number(here[0], 1)), `, ${found.columns[1]} `, html("b", {}, number(here[1], 1)), ", and 28 further measurements. Nobody has it."), canvas,
      html("p", { style: "font-size:14px;color:var(--soft);margin:6px 0 0;max-width:72ch" }, `It learned here from ${found.learned} real masses. Are drawn ones worth anything? Logistic regression that learned from as many drawn ones has an AUROC of ${number(found.synthetic, 2)} on ${found.unseen} real masses that nobody learned from; from the real ones it has ${number(found.real_auroc, 2)}. Drawn patients know at most what the real ones knew, and can give them away; a run of this family tests both.`));
  });
  const wished = () => ({ malignant: asked.kind.value === "malignant", first: asked.first.value, second: asked.second.value }), change = () => redraw(wished());
  const step = { min: -edge, max: edge, step: 0.1, value: 0, words: (v) => number(v, 1), change };
  asked = own(() => ({ kind: choice({ label: "Class", options: [["benign", "benign"], ["malignant", "malignant"]], value: "malignant", change }), first: slider({ ...step, label: "Code, first number" }), second: slider({ ...step, label: "Code, second number" }) }));
  change();
}

const greyed = (map) => painted(map, (value) => [0, 0, 0].map(() => Math.round(255 * value)));
const coloured = (image) => painted(image, (value) => value);
/** Blue where benign is more probable, orange where malignant is; white where it is unsure. */
const tinted = (surface) => painted([...surface].reverse(), (chance) => shade(chance, 0.56));
