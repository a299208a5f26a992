// Pooling: windows of an image become single numbers; the image moves, and the numbers follow or change.
import { COLOURS, ask, begin, choice, draw, figure, html, latest, number, numbers, picture, show, slider } from "./play.js";
import { image_choice, pixels } from "./pictures.js";

const N = 32, SIDE = 252, CELL = SIDE / N, PLACES = [1, 274, 547], TOP = 30;
const facts = html("div", { "aria-live": "polite" }), drawing = html("div"), said = html("p", { style: "margin:0 0 8px;font:15px/1.5 var(--sans);min-height:3em" });
let canvas, marks, found, asked, row = 3, column = 3;

begin(async () => {
  const { images } = await ask("begin");
  canvas = picture(800, 330, "The image, the pooled output, and what a shift of the image changed in it");
  canvas.setAttribute("tabindex", 0);
  canvas.setAttribute("role", "application");
  canvas.addEventListener("keydown", keyed);
  canvas.addEventListener("pointerdown", pointed);
  show(drawing, canvas);
  show(figure, facts, drawing, said);
  const redraw = latest(look);
  const change = () => redraw({ ...image(), kind: kind.value, size: size.value, stride: stride.value, shift: shift.value });
  const px = (value) => `${value} ${value === 1 ? "pixel" : "pixels"}`;
  const kind = choice({ label: "Of each window keep", options: [["max", "its largest pixel"], ["mean", "its mean"]], value: "max", change });
  const size = slider({ label: "Window", min: 1, max: 8, step: 1, value: 4, words: (v) => `${v} × ${v}`, change });
  const stride = slider({ label: "Stride", help: "From one window to the next.", min: 1, max: 8, step: 1, value: 4, words: px, change });
  const shift = slider({ label: "Move the image to the left by", min: 0, max: 8, step: 1, value: 0, words: px, change });
  const image = image_choice(images, change);
  await look({ ...image(), kind: "max", size: 4, stride: 4, shift: 0 });
});

async function look(wished) {
  const answer = await ask("pool", wished);
  if (!answer) return;
  [found, asked] = [answer, wished];
  row = Math.min(row, found.rows - 1);
  column = Math.min(column, found.rows - 1);
  numbers(facts, [["Numbers in and out", `1,024 → ${found.rows ** 2}`], ["The image changed by", number(found.pixels_change, 3)], ["The output changed by", number(found.output_change, 3)],
    [found.cells === 0 ? "Left (moved by no whole cell)" : `Left if moved back by ${found.cells}`, number(found.left, 3)]]);
  marks = draw("g");
  const titles = [`Image, moved by ${asked.shift}`, `Output, ${found.rows} × ${found.rows}`, "Change of the output"];
  const bar = [[-1, COLOURS.model], [0, "#fff"], [1, COLOURS.event]];
  canvas.replaceChildren(...titles.map((text, k) => draw("text", { x: PLACES[k], y: 18 }, text)), ...[found.image, found.output, found.change].map((href, k) => pixels(href, PLACES[k], TOP, SIDE)),
    ...PLACES.map((x) => draw("rect", { x, y: TOP, width: SIDE, height: SIDE, fill: "none", stroke: COLOURS.rule })), marks,
    draw("text", { x: PLACES[0], y: TOP + SIDE + 22, class: "soft" }, "0 is black, 1 is white"), draw("text", { x: PLACES[1], y: TOP + SIDE + 22, class: "soft" }, "click a cell, or use the arrow keys"),
    ...bar.map(([end, fill], k) => draw("g", {}, draw("rect", { x: PLACES[2] + k * 84, y: TOP + SIDE + 11, width: 14, height: 14, fill, stroke: COLOURS.rule }), draw("text", { x: PLACES[2] + k * 84 + 20, y: TOP + SIDE + 22, class: "soft" }, number(end * found.limit, 1)))));
  place();
}

/** Frames a cell of the output and the window that it comes from. */
function place() {
  const cell = SIDE / found.rows, frame = (x, y, size) => [draw("rect", { x, y, width: size, height: size, fill: "none", stroke: COLOURS.paper, "stroke-width": 5 }), draw("rect", { x, y, width: size, height: size, fill: "none", stroke: COLOURS.event, "stroke-width": 2.4 })];
  marks.replaceChildren(...frame(PLACES[0] + column * asked.stride * CELL, TOP + row * asked.stride * CELL, asked.size * CELL), ...frame(PLACES[1] + column * cell, TOP + row * cell, cell));
  const skipped = asked.stride > asked.size ? ` The stride is larger than the window: pixels between the windows are not looked at.` : "";
  said.textContent = `The ${asked.size ** 2} pixels in the frame become one number, their ${asked.kind === "max" ? "largest" : "mean"}: ${number(found.values[row][column], 2)}.${skipped}`;
}

function keyed(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step || !found) return;
  event.preventDefault();
  [row, column] = [row + step[0], column + step[1]].map((value) => Math.min(found.rows - 1, Math.max(0, value)));
  place();
}

function pointed(event) {
  if (!found) return;
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(canvas.getScreenCTM().inverse());
  const panel = PLACES.findIndex((x) => at.x >= x && at.x < x + SIDE);
  if (panel < 0 || at.y < TOP || at.y >= TOP + SIDE) return;
  const cell = panel === 0 ? asked.stride * CELL : SIDE / found.rows;
  [row, column] = [at.y - TOP, at.x - PLACES[panel]].map((value) => Math.min(found.rows - 1, Math.floor(value / cell)));
  place();
}
