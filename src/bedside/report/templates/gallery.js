"use strict";

/** The number of the card that comes `step` cards after card `i` of `n`, around the ends. Pure. */
function cardAfter(i, step, n) {
  return (i + step + n) % n;
}

function startGallery(dialog) {
  const cards = [...document.querySelectorAll("#seen .card")];
  const frame = dialog.querySelector(".frame");
  let shown = 0;

  function show(i) {
    shown = i;
    const pictures = document.createElement("div");
    pictures.className = cards[i].querySelector(".triptych").className;
    pictures.append(...[...cards[i].querySelector(".triptych").children].map((picture) => picture.cloneNode(true)));
    frame.replaceChildren(pictures, cards[i].querySelector(".about").cloneNode(true));
    dialog.setAttribute("aria-label", cards[i].getAttribute("aria-label") + ", enlarged");
  }

  const step = (by) => { show(cardAfter(shown, by, cards.length)); dialog.scrollTop = 0; };
  cards.forEach((card, i) => card.querySelector("button").addEventListener("click", () => { show(i); dialog.showModal(); dialog.scrollTop = 0; }));
  dialog.querySelectorAll("[data-step]").forEach((button) => button.addEventListener("click", () => step(Number(button.dataset.step))));
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => cards[shown].querySelector("button").focus());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });
}

document.querySelectorAll("dialog.large").forEach(startGallery);
