// Images on a page: a choice between generated ones and a file of one's own, and large pixels with sharp edges.
import { ask, controls, draw, html, say } from "./play.js";

/** A list of the generated images and a file; `changed()` is called when `value()` has become another one. */
export function image_choice(words, changed) {
  let image = "";
  const id = "image-choice", own = html("option", { value: "own", disabled: true }, "Your own image");
  const select = html("select", { id, onchange: () => { if (select.value !== "own") image = ""; changed(); } }, words.map((text, k) => html("option", { value: k }, text)), own);
  const file = html("input", { type: "file", id: "image-file", accept: ".png,.jpg,.jpeg,.webp,.bmp,.tif,.tiff", onchange: async () => {
    if (!file.files.length) return;
    const found = await ask("take", { image: await read(file.files[0]) });
    file.value = "";
    if (!found) return;
    say("");
    image = found.image;
    own.disabled = false;
    select.value = "own";
    changed();
  } });
  controls.append(html("div", { class: "control" }, html("label", { for: id }, "Image"), select),
    html("div", { class: "control" }, html("label", { for: "image-file" }, "Or a file of your own"), file, html("small", {}, "Its middle square is used. It stays on this computer.")));
  return () => (select.value === "own" ? { image } : { example: Number(select.value) });
}

const read = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(String(reader.result).replace(/^data:[^,]*?(;base64)?,/, "data:image;base64,"));
  reader.onerror = () => reject(new Error("the file cannot be read"));
  reader.readAsDataURL(file);
});

/** An image inside an SVG whose pixels stay squares. */
export const pixels = (href, x, y, width, height = width) => draw("image", { href, x, y, width, height, preserveAspectRatio: "none", style: "image-rendering:pixelated" });

/** An image in the page whose pixels stay squares; `alt` says what it shows. */
export const photo = (src, alt, style = "") => html("img", { src, alt, style: `width:100%;image-rendering:pixelated;${style}` });
