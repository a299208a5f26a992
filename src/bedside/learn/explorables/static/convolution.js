// Convolution: a window moves over an image; nine pixels times nine weights become one pixel of the output.
import { COLOURS, ask, begin, buttons, choice, controls, draw, figure, html, latest, number, picture, player, say, show } from "./play.js";
import { image_choice, pixels } from "./pictures.js";

const N = 32, SIDE = 384, CELL = SIDE / N, LEFT = 1, RIGHT = 415, TOP = 28, BOTTOM = TOP + SIDE;
let found, row = 12, column = 15, computed = N * N;  // cells of the output that are drawn already
let kernel, canvas, marks, strip, cover;

begin(async () => {
  const { kernels, images } = await ask("begin");
  kernel = [...kernels[0].kernel];
  canvas = picture(800, 640, "The image with the window, the output, and the products of the window's nine pixels with the nine weights; arrow keys move the window");
  Object.entries({ tabindex: 0, role: "application" }).forEach(([key, value]) => canvas.setAttribute(key, value));
  canvas.addEventListener("keydown", keyed);
  for (const event of ["pointerdown", "pointermove"]) canvas.addEventListener(event, pointed);
  show(figure, canvas);

  const redraw = latest(compute);
  const change = () => redraw(image());
  const preset = choice({ label: "Filter", options: [...kernels.map(({ key, words }) => [key, words]), ["own", "Your own"]], value: kernels[0].key, change: (key) => {
    const wished = kernels.find((one) => one.key === key);
    if (wished) { kernel = [...wished.kernel]; cells.forEach((cell, k) => { cell.value = rounded(kernel[k]); }); }
    change();
  } });
  const cells = kernel.map((value, k) => html("input", { type: "number", step: "any", min: -20, max: 20, value: rounded(value), "aria-label": `Weight in row ${Math.floor(k / 3) + 1}, column ${(k % 3) + 1}`, style: "width:100%;text-align:center", oninput: (event) => {
    const wished = event.target.valueAsNumber;
    if (!Number.isFinite(wished)) return;
    kernel[k] = wished;
    preset.set("own");
    change();
  } }));
  controls.append(html("fieldset", { class: "control" }, html("legend", {}, "Its nine weights"), html("div", { style: "display:grid;grid-template-columns:repeat(3,1fr);gap:6px;padding-top:6px" }, cells)));
  const image = image_choice(images, change);
  const running = player(() => {
    if (computed >= N * N) computed = 0;
    computed += 1;
    [row, column] = [Math.floor((computed - 1) / N), (computed - 1) % N];
    place();
    return computed < N * N;
  }, (on) => { go.textContent = on ? "Stop" : "Cell by cell"; if (!on && computed < N * N) go.textContent = "Go on"; });
  const [go] = buttons(["Cell by cell", () => running.toggle(), true], ["Show all", () => { running.stop(); computed = N * N; go.textContent = "Cell by cell"; place(); }]);
  await compute(image());
});

const rounded = (value) => Number(value.toFixed(3));

async function compute(image) {
  const answer = await ask("convolve", { ...image, kernel });
  if (!answer) return;
  found = answer;
  say("");
  marks = draw("g"); strip = draw("g"); cover = draw("g");
  const bar = draw("g", { transform: `translate(${RIGHT + SIDE - 212} ${BOTTOM + 10})` }, key());
  canvas.replaceChildren(draw("text", { x: LEFT, y: 16 }, "The image: 0 is black, 1 is white"), draw("text", { x: RIGHT, y: 16 }, "The output: one number for each place"),
    pixels(found.image, LEFT, TOP, SIDE), pixels(found.output, RIGHT, TOP, SIDE), cover,
    [LEFT, RIGHT].map((x) => draw("rect", { x: x - 0.5, y: TOP - 0.5, width: SIDE + 1, height: SIDE + 1, fill: "none", stroke: COLOURS.rule })).reduce((all, one) => { all.append(one); return all; }, draw("g")), bar, marks, strip);
  place();
}

/** What the colours of the output stand for. */
function key() {
  const steps = 40, mixed = (share) => (found.low < 0 ? `color-mix(in srgb, ${share < 0.5 ? COLOURS.model : COLOURS.event} ${Math.abs(2 * share - 1) * 100}%, white)` : `color-mix(in srgb, white ${share * 100}%, black)`);
  return [draw("text", { x: -8, y: 11, "text-anchor": "end", class: "soft" }, `≤ ${number(found.low, 1)}`),
    ...Array.from({ length: steps }, (_, k) => draw("rect", { x: k * 4, y: 0, width: 4.3, height: 13, style: `fill:${mixed(k / (steps - 1))}` })),
    draw("rect", { x: 0, y: 0, width: steps * 4, height: 13, fill: "none", stroke: COLOURS.rule }), draw("text", { x: steps * 4 + 8, y: 11, class: "soft" }, `≥ ${number(found.high, 1)}`)];
}

/** Draws the window, its place in the output, and the calculation there. */
function place() {
  const at = row * N + column, value = found.sums[row][column];
  const frame = (x, y, size, more = {}) => [draw("rect", { x, y, width: size, height: size, fill: "none", stroke: COLOURS.paper, "stroke-width": 5 }), draw("rect", { x, y, width: size, height: size, fill: "none", stroke: COLOURS.event, "stroke-width": 2.5, ...more })];
  marks.replaceChildren(...frame(LEFT + (column - 1) * CELL, TOP + (row - 1) * CELL, 3 * CELL), ...frame(RIGHT + column * CELL, TOP + row * CELL, CELL));
  const done = Math.floor(computed / N), rest = computed % N;
  cover.replaceChildren(...(computed >= N * N ? [] : [draw("rect", { x: RIGHT, y: TOP + (done + (rest ? 1 : 0)) * CELL, width: SIDE, height: (N - done - (rest ? 1 : 0)) * CELL, fill: COLOURS.hair }),
    rest ? draw("rect", { x: RIGHT + rest * CELL, y: TOP + done * CELL, width: SIDE - rest * CELL, height: CELL, fill: COLOURS.hair }) : draw("g")]));
  const y = 488, paint = (v) => Math.round(255 * v);
  const image = found.pixels[at].map((v) => [`rgb(${paint(v)},${paint(v)},${paint(v)})`, v > 0.55 ? COLOURS.ink : COLOURS.paper, number(v, 2)]);
  const weights = kernel.map((v) => ["#fff", COLOURS.ink, number(rounded(v))]);
  const most = Math.max(...found.products[at].map(Math.abs), 0.01);
  const products = found.products[at].map((v) => [`color-mix(in srgb, ${v < 0 ? COLOURS.model : COLOURS.event} ${(Math.abs(v) / most) * 55}%, white)`, COLOURS.ink, number(v, 2)]);
  const sign = (x, text) => draw("text", { x, y: y + 75, "text-anchor": "middle", style: "font-size:26px" }, text);
  strip.replaceChildren(grid(1, y, image, "Nine pixels"), sign(183, "×"), grid(213, y, weights, "Nine weights"), sign(395, "="), grid(425, y, products, "Nine products"), sign(607, "→"),
    draw("text", { x: 640, y: y - 12, class: "soft" }, "Their sum"), draw("text", { x: 640, y: y + 78, style: "font: 500 40px var(--serif)" }, number(value, 2)), draw("text", { x: 640, y: y + 106, class: "soft" }, `row ${row + 1}, column ${column + 1}`));
  canvas.setAttribute("aria-label", `Window at row ${row + 1}, column ${column + 1}: the nine products add up to ${number(value, 2)}. Arrow keys move the window.`);
}

const grid = (x, y, cells, words) => draw("g", {}, draw("text", { x, y: y - 12, class: "soft" }, words), cells.map(([fill, ink, text], k) => [
  draw("rect", { x: x + (k % 3) * 52, y: y + Math.floor(k / 3) * 46, width: 52, height: 46, style: `fill:${fill}`, stroke: COLOURS.soft, "stroke-width": 0.7 }),
  draw("text", { x: x + (k % 3) * 52 + 26, y: y + Math.floor(k / 3) * 46 + 28, "text-anchor": "middle", style: `fill:${ink}` }, text)]));

function keyed(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step || !found) return;
  event.preventDefault();
  [row, column] = [row + step[0], column + step[1]].map((value) => Math.min(N - 1, Math.max(0, value)));
  place();
}

function pointed(event) {
  if (!found || (event.type === "pointermove" && event.buttons === 0)) return;
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(canvas.getScreenCTM().inverse());
  const x = at.x - (at.x >= RIGHT ? RIGHT : LEFT), y = at.y - TOP;
  if (x < 0 || x >= SIDE || y < 0 || y >= SIDE) return;
  [row, column] = [Math.floor(y / CELL), Math.floor(x / CELL)];
  place();
}
