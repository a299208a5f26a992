/* Score new samples with a model that `bedside export` made, by onnxruntime-web: in node and in the browser.

     node client.mjs model.onnx rows.json        rows.json: [{"column": value, ...}, ...]

   In a page:
     import { load, predict, predictImages } from "./client.mjs";
     const model = await load(new Uint8Array(await (await fetch("model.onnx")).arrayBuffer()));
     const scores = await predict(model, [{ age: 61, sex: "f" }]);

   Research and teaching only; not a medical device. */

import * as ort from "onnxruntime-web";

const MISSING = new Set(["", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None", "?", "-", ".",
  "#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"]);
const NO = ["false", "no", "nein", "falsch"], YES = ["true", "yes", "ja", "wahr"];

/** A model in memory, from the bytes of its file; `about` is what the file says of itself. */
export async function load(bytes) {
  const session = await ort.InferenceSession.create(bytes);
  return { session, about: JSON.parse(metadata(bytes).bedside) };
}

/** Scores of samples: rows [{column: value}] -> [{score_<class>, decision, outside}] or [{predicted, outside}].
    null, undefined, NaN or an empty text is missing; other columns are ignored. */
export async function predict(model, rows) {
  const features = new Map(model.about.features.map((one) => [one.name, one]));
  const lacking = [...features.keys()].filter((name) => rows.some((row) => !Object.hasOwn(row, name)));
  if (lacking.length) throw new Error(`The model needs the columns ${lacking.join(", ")}; leave cells empty where nothing is known.`);
  const feeds = {};
  for (const [name, described] of Object.entries(model.about.inputs)) {
    const cells = rows.flatMap((row) => described.columns.map((column) => read(row[column], features.get(column))));
    const shape = [rows.length, described.columns.length];
    feeds[name] = described.type === "float64"
      ? new ort.Tensor("float64", Float64Array.from(cells), shape) : new ort.Tensor("string", cells, shape);
  }
  const found = await run(model, feeds, rows.length);
  return found.map((one, k) => ({ ...one, outside: outside(rows[k], features) }));
}

/** Scores of images {width, height, data} with data as a canvas gives it: red, green, blue, alpha, row by row.
    They are framed and resized as in training, by the same arithmetic as Pillow's. */
export async function predictImages(model, images) {
  const { shape, resizing } = model.about.inputs.pixels;
  const [channels, size] = [shape[1], shape[2]];
  const all = new Uint8Array(images.length * channels * size * size);
  images.forEach((image, k) => all.set(prepare(image, channels, resizing), k * channels * size * size));
  return run(model, { pixels: new ort.Tensor("uint8", all, [images.length, channels, size, size]) }, images.length);
}

async function run(model, feeds, count) {
  const name = model.session.outputNames[0];
  const scores = (await model.session.run(feeds, [name]))[name].data;
  if (scores.some(Number.isNaN)) throw new Error("A number is too large to be scored; check its units.");
  const { classes, task, threshold } = model.about;
  if (task === "regression") return Array.from(scores, (score) => ({ predicted: score }));
  return Array.from({ length: count }, (_, k) => {
    const row = scores.slice(k * classes.length, (k + 1) * classes.length);
    const found = Object.fromEntries(classes.map((label, c) => [`score_${label}`, row[c]]));
    if (threshold !== null) found.decision = classes[Number(row[1] >= threshold)];
    return found;
  });
}

/** Columns whose value the cohort of training did not have, such as `dose (92), drug (D)`. */
function outside(row, features) {
  const beyond = [...features.values()].filter((feature) => {
    const value = read(row[feature.name], feature);
    if (feature.kind === "category") return value !== "" && !feature.levels.includes(value);
    return feature.low !== null && (value < feature.low || value > feature.high);
  });
  return beyond.map((feature) => `${feature.name} (${read(row[feature.name], feature)})`).join(", ");
}

/** A cell as the model takes it: text for a category, else a number; "" or NaN where it is missing. */
export function read(cell, feature) {
  const text = cell === null || cell === undefined || Number.isNaN(cell) ? "" : String(cell).trim();
  if (feature.kind === "category") return MISSING.has(text) ? "" : text.replace(/^(-?(0|[1-9]\d*))\.0+$/, "$1");
  if (MISSING.has(text)) return NaN;
  if (feature.kind === "boolean") {
    const word = text.toLowerCase();
    if (NO.includes(word) || YES.includes(word)) return Number(YES.includes(word));
    throw new Error(`Column '${feature.name}' holds '${text}'; write yes or no, or leave it empty.`);
  }
  return feature.kind === "date" ? year(text, feature.name) : number(text, feature.name);
}

function number(text, name) {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) && Math.abs(Number(text)) <= 1e30) return Number(text);
  throw new Error(`Column '${name}' holds '${text}'; write a number such as 4.5, or leave it empty.`);
}

/** A date as a year: 2026-07-02 is about 2026.5. */
function year(text, name) {
  const zone = /(Z|[+-]\d\d:?\d\d)$/.test(text.slice(10)) ? "" : "Z";
  const time = Date.parse(text.length === 10 ? text : text.replace(" ", "T") + zone);
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\d/.test(text)) {
    throw new Error(`Column '${name}' holds '${text}'; write a date such as 2026-11-22, or leave it empty.`);
  }
  const whole = new Date(time).getUTCFullYear();
  const [start, end] = [Date.UTC(whole, 0, 1), Date.UTC(whole + 1, 0, 1)];
  return whole + (time - start) / (end - start);
}

/** An image -> pixels (channels, size, size) as bedside makes them. */
export function prepare(image, channels, { framing, size, resample, crop_share }) {
  let planes = { width: image.width, height: image.height, data: flattened(image, channels) };
  let [width, height] = [size, size];
  if (framing !== "stretch") {
    const [short, long] = [Math.min(image.width, image.height), Math.max(image.width, image.height)];
    const scale = framing === "crop" ? even(size / crop_share) / short : size / long;
    [width, height] = [Math.max(1, even(image.width * scale)), Math.max(1, even(image.height * scale))];
  }
  const tall = image.height - height > 2 * Math.max(0, image.width - width); // then rows come first, as in Pillow 13
  planes = tall ? horizontal(vertical(planes, height, resample), width, resample)
    : vertical(horizontal(planes, width, resample), height, resample);
  const [left, top] = [even((width - size) / 2), even((height - size) / 2)];
  const found = new Uint8Array(channels * size * size); // what lies outside the image is black
  for (let c = 0; c < channels; c++) for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) {
    const [from, row] = [x + left, y + top];
    if (from < 0 || row < 0 || from >= width || row >= height) continue;
    found[(c * size + y) * size + x] = planes.data[c][row * width + from];
  }
  return found;
}

/** One array per channel, transparent pixels over black; grey as Pillow weighs colours. */
function flattened({ width, height, data }, channels) {
  const planes = Array.from({ length: channels }, () => new Uint8Array(width * height));
  for (let k = 0; k < width * height; k++) {
    const [red, green, blue] = [0, 1, 2].map((c) => over_black(data[4 * k + c], data[4 * k + 3]));
    if (channels === 1) planes[0][k] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    else [planes[0][k], planes[1][k], planes[2][k]] = [red, green, blue];
  }
  return planes;
}

function over_black(value, alpha) {
  const product = value * alpha + 128;
  return ((product >> 8) + product) >> 8;
}

const FILTERS = {
  bicubic: [2, (x) => {
    const d = Math.abs(x);
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0;
  }],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
};
const ONE = 2 ** 22; // Pillow's weights are whole numbers of this unit

/** For each pixel of the result: the first pixel that counts, and the weights from there on. */
function weights(before, after, resample) {
  const [reach, shape] = FILTERS[resample];
  const scale = before / after, stretch = Math.max(scale, 1), support = reach * stretch;
  return Array.from({ length: after }, (_, k) => {
    const centre = (k + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(before, Math.trunc(centre + support + 0.5));
    const found = Array.from({ length: last - first }, (_, j) => shape((j + first - centre + 0.5) / stretch));
    const total = found.reduce((sum, one) => sum + one, 0);
    return [first, found.map((one) => Math.trunc((one / total) * ONE + (one < 0 ? -0.5 : 0.5)))];
  });
}

function horizontal({ width, height, data }, after, resample) {
  if (width === after) return { width, height, data };
  const known = weights(width, after, resample);
  const resized = data.map((plane) => {
    const found = new Uint8ClampedArray(after * height);
    for (let y = 0; y < height; y++) for (let x = 0; x < after; x++) {
      const [first, share] = known[x];
      let sum = ONE / 2;
      for (let j = 0; j < share.length; j++) sum += plane[y * width + first + j] * share[j];
      found[y * after + x] = Math.floor(sum / ONE);
    }
    return found;
  });
  return { width: after, height, data: resized };
}

function vertical({ width, height, data }, after, resample) {
  if (height === after) return { width, height, data };
  const known = weights(height, after, resample);
  const resized = data.map((plane) => {
    const found = new Uint8ClampedArray(width * after);
    for (let y = 0; y < after; y++) for (let x = 0; x < width; x++) {
      const [first, share] = known[y];
      let sum = ONE / 2;
      for (let j = 0; j < share.length; j++) sum += plane[(first + j) * width + x] * share[j];
      found[y * width + x] = Math.floor(sum / ONE);
    }
    return found;
  });
  return { width, height: after, data: resized };
}

/** Rounded to the nearest whole number, halves to the even one, as Python does. */
function even(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** The metadata of an ONNX file, {name: text}: entries 14 of the message, each with a key and a value. */
export function metadata(bytes) {
  const found = {};
  for (const [field, content] of entries(bytes)) {
    if (field !== 14) continue;
    const pair = Object.fromEntries(entries(content));
    found[new TextDecoder().decode(pair[1])] = new TextDecoder().decode(pair[2]);
  }
  return found;
}

/** The fields of a message in protocol buffers: [number, content], content being bytes where there are any. */
function* entries(bytes) {
  let place = 0;
  const whole = () => {
    let [value, unit] = [0, 1];
    for (;;) {
      const byte = bytes[place++];
      value += (byte & 127) * unit;
      if (byte < 128) return value;
      unit *= 128;
    }
  };
  while (place < bytes.length) {
    const tag = whole(), kind = tag & 7;
    if (kind === 0) yield [tag >> 3, whole()];
    else if (kind === 2) {
      const length = whole();
      yield [tag >> 3, bytes.subarray(place, place + length)];
      place += length;
    } else place += kind === 1 ? 8 : 4;
  }
}

const node = typeof process !== "undefined" && process.versions?.node;
if (node && process.argv[1] && import.meta.url.endsWith(process.argv[1].split(/[\\/]/).pop())) {
  const { readFile } = await import("node:fs/promises");
  const model = await load(new Uint8Array(await readFile(process.argv[2] ?? "model.onnx")));
  const rows = JSON.parse(await readFile(process.argv[3] ?? "example.json", "utf8"));
  console.log(JSON.stringify(await predict(model, rows.rows ?? rows), null, 1));
}
