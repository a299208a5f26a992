// Inside a network: the maps of one layer for one image; one of them large, and laid over the image.
import { ask, begin, choice, figure, html, latest, number, say, show, slider } from "./play.js";
import { image_choice, photo } from "./pictures.js";

const large = html("div", { class: "row", style: "grid-template-columns:repeat(3,minmax(0,1fr))" }), heading = html("p", { style: "margin:6px 0;font:600 15px/1.4 var(--sans)" });
const maps = html("div", { style: "display:grid;grid-template-columns:repeat(auto-fill,minmax(78px,1fr));gap:8px" });
let layer, names = [], chosen = null;

begin(async () => {
  const { networks, images } = await ask("begin");
  show(figure, large, heading, maps);
  const redraw = latest(look);
  const wished = () => ({ ...image(), network: network.value, layer: layer.value });
  const change = () => redraw(wished(), redraw);
  layer = slider({ label: "Layer", min: 1, max: 4, step: 1, value: 1, words: (k) => (names[k - 1] ?? String(k)).split(":")[0], change: () => { chosen = null; change(); } });
  const network = choice({ label: "Network", options: networks, value: "small", change: () => { chosen = null; layer.set(1); change(); } });
  const image = image_choice(images, change);
  const first = await ask("show", image());
  if (first) show(large, shown(first.image, "What the network sees"));
  say("The network learns first; this takes some seconds, once.");
  await look(wished(), redraw);
});

const shown = (src, words) => html("figure", {}, photo(src, words), html("figcaption", {}, words));

async function look(asked, redraw) {
  const found = await ask("look", { ...asked, map: chosen });
  if (!found) return;
  say("");
  names = found.layers;
  layer.querySelector("input").max = names.length;
  layer.paint();
  const one = found.chosen;
  chosen = one.number;
  show(large, shown(found.image, "What the network sees"), shown(one.png, `Map ${one.number + 1}: from ${number(one.low, 2)}, dark, to ${number(one.high, 2)}, bright`), shown(one.over, "The map over the image: where its values are high"));
  heading.textContent = `${names[asked.layer - 1]}${found.count > found.maps.length ? `; the ${found.maps.length} that vary most over this image` : ""}`;
  const focused = document.activeElement?.dataset?.map;
  show(maps, found.maps.map((map) => html("button", { type: "button", "data-map": map.number, "aria-pressed": String(map.number === chosen), "aria-label": `Map ${map.number + 1}`,
    style: `padding:0;min-height:0;border:${map.number === chosen ? "3px solid var(--accent)" : "3px solid transparent"};line-height:0;background:none`, onclick: () => { chosen = map.number; redraw(asked, redraw); } }, photo(map.png, ""))));
  if (focused !== undefined) maps.querySelector(`[data-map="${focused}"]`)?.focus();
}
