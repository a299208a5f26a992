// What every explorable is built from: questions to the local server, controls, and a small way to draw SVG.
// Okabe and Ito's palette (2008), told apart with all common kinds of colour vision; blue is the model's, as in reports.
export const COLOURS = { ink: "#1c2126", soft: "#565f68", rule: "#d9d6ce", hair: "#ebe9e3", paper: "#ffffff", model: "#1b5583", event: "#c4581a", blue: "#0072b2", orange: "#e69f00", green: "#009e73", pink: "#cc79a7", sky: "#56b4e9", vermilion: "#d55e00", yellow: "#f0e442" };
const name = document.body.dataset.name;
const status_line = document.getElementById("status");
export const figure = document.getElementById("figure");
export const controls = document.getElementById("controls");

let waiting = 0;
/** Marks the page as busy; tests and screen readers know when a figure is complete. */
function busy(change) {
  waiting += change;
  document.body.dataset.ready = String(waiting === 0);
  figure.setAttribute("aria-busy", String(waiting > 0));
}
busy(1);

/** Says something below the figure; the page announces it. */
export function say(text, wrong = false) {
  status_line.textContent = text;
  status_line.classList.toggle("error", wrong);
}

/** Asks the server to compute; its refusals are shown in its own words, and null comes back. */
export async function ask(action, body = {}) {
  busy(1);
  try {
    const answer = await fetch(`/play/${name}/${action}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const found = await answer.json();
    if (answer.ok) return found;
    say(found.error ?? found.detail ?? "This could not be computed.", true);
  } catch (error) {
    say("The local server does not answer any more. Start it again with: bedside learn play", true);
  } finally {
    busy(-1);
  }
  return null;
}

/** Wraps a drawing function so that it runs once at a time, and once more with the newest wish if there were more. */
export function latest(work) {
  let running = false, again = null;
  return async function run(...wish) {
    if (running) { again = wish; return; }
    running = true;
    busy(1);
    try { await work(...wish); } finally { running = false; busy(-1); }
    if (again) { const next = again; again = null; await run(...next); }
  };
}

/** Builds the page; errors are said instead of leaving an empty figure. */
export async function begin(build) {
  try { await build(); } catch (error) { say(`This figure could not be drawn: ${error.message}`, true); throw error; } finally { busy(-1); }
}

// drawing
const SVG = "http://www.w3.org/2000/svg";
function made(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}
/** An HTML element: html("p", {class: "x"}, "text"). */
export const html = (tag, attributes = {}, ...children) => made(document.createElement(tag), attributes, children);
/** An SVG element: draw("circle", {cx: 1, cy: 2, r: 3}). */
export const draw = (tag, attributes = {}, ...children) => made(document.createElementNS(SVG, tag), attributes, children);
/** An SVG picture of width x height units that fills its place; `label` says in words what it shows. */
export const picture = (width, height, label) => draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, style: `width:${width}px` });
/** Replaces what a place shows. */
export const show = (place, ...children) => place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
/** Where a value lies between two ends: scale([0, 1], [40, 300])(0.5) is 170. */
export const scale = ([a, b], [from, to]) => Object.assign((x) => from + ((x - a) / (b - a)) * (to - from), { back: (y) => a + ((y - from) / (to - from)) * (b - a), domain: [a, b], range: [from, to] });
/** Round values for ticks between two ends. */
export function ticks([a, b], wished = 5) {
  const rough = (b - a) / wished, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough - 1e-12);
  const found = [];
  for (let k = Math.ceil(a / step - 1e-9); k * step <= b + 1e-9 * step; k += 1) found.push(Number((k * step).toPrecision(12)));
  return found;
}
/** A horizontal axis at height y, with its words. */
export function axis_x(x, y, words, format = number) {
  const marks = ticks(x.domain).map((value) => [draw("line", { x1: x(value), x2: x(value), y1: y, y2: y + 5 }), draw("text", { x: x(value), y: y + 19, "text-anchor": "middle" }, format(value))]);
  return draw("g", { class: "axis" }, draw("line", { x1: x.range[0], x2: x.range[1], y1: y, y2: y }), marks, draw("text", { x: (x.range[0] + x.range[1]) / 2, y: y + 38, "text-anchor": "middle", class: "soft" }, words));
}
/** A vertical axis at x, its words above it. */
export function axis_y(y, x, words, format = number) {
  const marks = ticks(y.domain).map((value) => [draw("line", { x1: x - 5, x2: x, y1: y(value), y2: y(value) }), draw("text", { x: x - 8, y: y(value) + 4, "text-anchor": "end" }, format(value))]);
  return draw("g", { class: "axis" }, draw("line", { x1: x, x2: x, y1: y.range[0], y2: y.range[1] }), marks, draw("text", { x: x - 40, y: Math.min(...y.range) - 12, class: "soft" }, words));
}
/** A line through points [[x, y], ...] in data units. */
export const path = (points, x, y, attributes) => draw("path", { fill: "none", "stroke-width": 2, d: points.map(([a, b], k) => `${k ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join(""), ...attributes });
/** A number as people write it, with a true minus sign. */
export const number = (value, digits = null) => (value === null || value === undefined ? "–" : (digits === null ? String(Number(value.toPrecision(6))) : value.toFixed(digits)).replace("-", "−"));

// controls
let count = 0;
/** A slider with its value in words; `change(value)` is called while it moves. */
export function slider({ label, min, max, step, value, words = number, help = "", change }) {
  const id = `control-${(count += 1)}`;
  const shown = html("output", { for: id }, words(value));
  const input = html("input", { id, type: "range", min, max, step, value, "aria-valuetext": words(value) });
  input.addEventListener("input", () => { control.paint(); change(Number(input.value)); });
  const control = html("div", { class: "control" }, html("label", { for: id }, label, shown), input, help ? html("small", {}, help) : null);
  control.paint = () => { shown.textContent = words(Number(input.value)); input.setAttribute("aria-valuetext", words(Number(input.value))); };
  control.set = (wished) => { input.value = wished; control.paint(); };
  Object.defineProperty(control, "value", { get: () => Number(input.value) });
  controls.append(control);
  return control;
}
/** One of several: radio buttons for up to five, a list for more. `options` are [value, words] pairs. */
export function choice({ label, options, value, help = "", change }) {
  const id = `control-${(count += 1)}`;
  let control;
  if (options.length <= 5) {
    const radios = options.map(([key, words]) => html("label", {}, html("input", { type: "radio", name: id, value: key, checked: key === value, onchange: () => change(key) }), words));
    control = html("fieldset", { class: "control" }, html("legend", {}, label), html("div", { class: "choices" }, radios), help ? html("small", {}, help) : null);
    control.set = (wished) => { for (const radio of control.querySelectorAll("input")) radio.checked = radio.value === wished; };
    Object.defineProperty(control, "value", { get: () => control.querySelector("input:checked").value });
  } else {
    const select = html("select", { id, onchange: () => change(select.value) }, options.map(([key, words]) => html("option", { value: key, selected: key === value }, words)));
    control = html("div", { class: "control" }, html("label", { for: id }, label), select, help ? html("small", {}, help) : null);
    control.set = (wished) => { select.value = wished; };
    Object.defineProperty(control, "value", { get: () => select.value });
  }
  controls.append(control);
  return control;
}
/** A box to tick. */
export function tick({ label, value = false, change }) {
  const input = html("input", { type: "checkbox", checked: value, onchange: () => change(input.checked) });
  const control = html("div", { class: "control" }, html("label", { style: "justify-content:flex-start;gap:0" }, input, label));
  control.set = (wished) => { input.checked = wished; };
  Object.defineProperty(control, "value", { get: () => input.checked });
  controls.append(control);
  return control;
}
/** Buttons in a row: [[words, press, first?], ...]; gives the elements. */
export function buttons(...wished) {
  const row = wished.map(([words, press, first]) => html("button", { type: "button", class: first ? "first" : null, onclick: press }, words));
  controls.append(html("div", { class: "buttons" }, row));
  return row;
}
/** Large numbers with their names: numbers(place, [["Loss", "0.31"], ...]). */
export const numbers = (place, pairs) => show(place, html("dl", { class: "numbers" }, pairs.map(([words, value]) => html("div", {}, html("dt", {}, words), html("dd", {}, value)))));
/** Repeats `step` until it says no more or is stopped; the page is busy only while a step is computed. */
export function player(step, changed = () => {}) {
  let on = false;
  const go = async () => { if (!on) return; if ((await step()) === false) stop(); else requestAnimationFrame(go); };
  const stop = () => { on = false; changed(on); };
  return { start() { if (!on) { on = true; changed(on); go(); } }, stop, toggle() { on ? stop() : this.start(); }, get running() { return on; } };
}
