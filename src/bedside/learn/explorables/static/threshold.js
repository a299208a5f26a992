// Threshold and prevalence: 1,000 patients as dots; shape says who is ill, filling who is called ill.
import { COLOURS, ask, axis_x, begin, buttons, draw, figure, html, latest, number, numbers, picture, scale, show, slider } from "./play.js";

const WIDTH = 820, LEFT = 188, COLUMNS = 40, PITCH = 15.4, TOP = 180, BOTTOM = 742, LEAST = 42, GAP = 14, BINS = 40;
const BASE = 66, TALL = 46, LOW = 46;  // of the distribution: where bars stand, how high and how deep they go
const x = scale([0, 1], [LEFT, LEFT + COLUMNS * PITCH]);
const DIAMOND = "M0 -6.4L6.4 0L0 6.4L-6.4 0Z", CIRCLE = "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z";
const GROUPS = {  // truth and decision: shape and fill
  found: { ill: true, called: true, words: "found", more: "ill, called ill", look: { fill: COLOURS.event, stroke: COLOURS.event } },
  alarms: { ill: false, called: true, words: "false alarms", more: "not ill, called ill", look: { fill: COLOURS.model, stroke: COLOURS.model } },
  missed: { ill: true, called: false, words: "missed", more: "ill, not called", look: { fill: COLOURS.paper, stroke: COLOURS.event } },
  quiet: { ill: false, called: false, words: "left in peace", more: "not ill, not called", look: { fill: COLOURS.paper, stroke: "#7fa3bd" } },
};
const facts = html("div", { "aria-live": "polite" }), words = html("p", { style: "margin:4px 0 10px;font-size:18px;min-height:1.5em" });
const drawing = html("div"), bars = draw("g"), line = draw("g"), rule = draw("g", { class: "moves" });
const dots = Array.from({ length: 1000 }, () => draw("path", { class: "moves", "stroke-width": 1.7 }));
const labels = Object.fromEntries(Object.entries(GROUPS).map(([key, group]) => [key, label(group)]));

begin(async () => {
  const data = await ask("begin");
  if (!data) return;
  const canvas = picture(WIDTH, BOTTOM + 6, "1,000 patients as dots, in four groups: found, false alarms, missed, left in peace; above them how their scores are spread, with the threshold");
  canvas.append(bars, draw("g", {}, draw("text", { x: LEFT - 16, y: BASE - 12, "text-anchor": "end" }, "ill"), draw("text", { x: LEFT - 16, y: BASE + 20, "text-anchor": "end" }, "not ill")),
    axis_x(x, BASE + LOW + 4, "score of the model", (value) => number(value, 1)), line, rule, draw("g", {}, dots), ...Object.values(labels).map((one) => one.place));
  show(drawing, canvas);
  show(figure, facts, words, drawing, html("p", { style: "font-size:14px;color:var(--soft);margin:8px 0 0" },
    `Scores of a logistic regression that sees two measurements of a breast mass, ${data.features.join(" and ")}, for ${data.patients} real patients it had not learnt from (five folds); ${data.ill} of the masses were malignant, here called ill. The 1,000 are dealt evenly from these scores.`));
  const redraw = latest(look);
  const change = () => redraw({ threshold: threshold.value, prevalence: prevalence.value / 100 });
  const threshold = slider({ label: "Threshold", min: 0, max: 1, step: 0.01, value: 0.5, words: (v) => number(v, 2), help: "A score at or above it is called ill.", change });
  const prevalence = slider({ label: "Prevalence", min: 1, max: 60, step: 1, value: 37, words: (v) => `${number(v)} %`, help: `Ill patients among 100. Among those who were measured: ${Math.round(100 * data.ill / data.patients)}.`, change });
  const pick = async (name) => {
    const found = await ask("pick", { rule: name, prevalence: prevalence.value / 100 });
    if (found) { threshold.set(found.threshold); change(); }
  };
  buttons(["Find 95 of 100 ill", () => pick("sensitivity")], ["Youden's threshold", () => pick("youden")], [`A miss is as bad as ${data.miss} false alarms`, () => pick("cost")]);
  await look({ threshold: 0.5, prevalence: 0.37 });
});

/** The words of a group stand left of its dots, with the dot that they are about. */
function label(group) {
  const count = draw("tspan", { "font-weight": 600, style: "font-size:19px" });
  const mark = draw("path", { d: group.ill ? DIAMOND : CIRCLE, transform: "translate(10 8)", "stroke-width": 1.7, ...group.look });
  const place = draw("g", { class: "moves" }, mark, draw("text", { x: 26, y: 14, style: "font-size:15px" }, count, ` ${group.words}`), draw("text", { x: 26, y: 32, class: "soft", style: "font-size:14px" }, group.more));
  return { place, count };
}

async function look(wished) {
  const found = await ask("look", wished);
  if (!found) return;
  const members = { found: [], alarms: [], missed: [], quiet: [] };
  // Scores come highest first, so that those who are called come first. The ill take their dots from the front, the others from the back: a new prevalence turns only those between.
  found.ill.forEach((_, k) => members[k < found.tp ? "found" : "missed"].push(k));
  found.well.forEach((_, k) => members[k < found.fp ? "alarms" : "quiet"].push(999 - k));
  arrange(members);
  spread(found);
  // Near the ends a digit more, rounded down: 99.98 % is not all of them.
  const percent = (share) => (share === null ? "–" : `${share < 1 && (share > 0.99 || (share > 0 && share < 0.1)) ? number(Math.floor(1000 * share) / 10, 1) : number(100 * share, 0)} %`);
  numbers(facts, [["Sensitivity", percent(found.sensitivity)], ["Specificity", percent(found.specificity)], ["Of those called ill, ill (PPV)", percent(found.ppv)], ["Of the others, not ill (NPV)", percent(found.npv)], ["False alarms per detection", number(found.alarms_per_found, found.alarms_per_found >= 10 ? 0 : 1)]]);
  words.textContent = found.tp + found.fp === 0 ? `Nobody is called ill; all ${found.fn} ill patients are missed.`
    : `Of ${found.tp + found.fp} patients who are called ill, ${found.tp} are; of ${found.tp + found.fn} ill patients, ${found.fn} ${found.fn === 1 ? "is" : "are"} missed.`;
}

/** Called patients from the top down, the others from the bottom up; every group begins a new row. */
function arrange(members) {
  const high = (key) => Math.max(LEAST, Math.ceil(members[key].length / COLUMNS) * PITCH);
  const tops = { found: TOP, alarms: TOP + high("found") + GAP };
  tops.quiet = BOTTOM - high("quiet");
  tops.missed = tops.quiet - GAP - high("missed");
  for (const [key, list] of Object.entries(members)) {
    labels[key].place.style.transform = `translate(0px,${tops[key].toFixed(1)}px)`;
    labels[key].count.textContent = String(list.length);
    list.forEach((dot, k) => {
      const { ill, look } = GROUPS[key], one = dots[dot];
      one.setAttribute("d", ill ? DIAMOND : CIRCLE);
      one.setAttribute("fill", look.fill);
      one.setAttribute("stroke", look.stroke);
      one.style.transform = `translate(${(LEFT + PITCH * ((k % COLUMNS) + 0.5)).toFixed(1)}px,${(tops[key] + PITCH * (Math.floor(k / COLUMNS) + 0.5)).toFixed(1)}px)`;
    });
  }
  const between = (tops.alarms + high("alarms") + tops.missed) / 2;
  rule.style.transform = `translate(0px,${between.toFixed(1)}px)`;
  show(rule, draw("line", { x1: 0, x2: WIDTH, stroke: COLOURS.rule }));
}

/** How the scores of both groups are spread, the ill upwards and the others downwards, and the line between. */
function spread({ ill, well, threshold }) {
  const counted = [ill, well].map((scores) => {
    const counts = new Array(BINS).fill(0);
    for (const score of scores) counts[Math.min(BINS - 1, Math.floor(score * BINS))] += 1;
    return counts;
  });
  const unit = Math.max(...counted.flat());
  const wide = x(1 / BINS) - x(0);
  show(bars, counted.map((counts, side) => counts.map((many, bin) => {
    const size = (many / unit) * (side ? LOW : TALL);
    return many ? draw("rect", { x: x(bin / BINS) + 0.8, width: wide - 1.6, y: side ? BASE + 1 : BASE - 1 - size, height: Math.max(1, size), fill: side ? COLOURS.model : COLOURS.event, opacity: (bin + 0.5) / BINS >= threshold ? 1 : 0.42 }) : null;
  })), draw("line", { x1: x(0), x2: x(1), y1: BASE, y2: BASE, stroke: COLOURS.soft }));
  const at = x(threshold), turned = threshold > 0.75;
  show(line, draw("line", { x1: at, x2: at, y1: 8, y2: BASE + LOW + 4, stroke: COLOURS.ink, "stroke-width": 2 }),
    draw("text", { x: at + (turned ? -7 : 7), y: 18, "text-anchor": turned ? "end" : "start", "paint-order": "stroke", stroke: COLOURS.paper, "stroke-width": 4 }, `threshold ${number(threshold, 2)}`));
}
