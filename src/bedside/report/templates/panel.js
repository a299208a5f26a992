"use strict";

/** Rates at one threshold, and whole patients out of 1,000 at a prevalence. Pure. */
function operatingPoint(data, index, prevalence) {
  const sensitivity = data.positives ? data.found[index] / data.positives : null;
  const specificity = data.negatives ? 1 - data.alarms[index] / data.negatives : null;
  const diseased = Math.floor(1000 * prevalence + 0.5);
  const tp = Math.floor(diseased * (sensitivity ?? 0) + 0.5);
  const tn = Math.floor((1000 - diseased) * (specificity ?? 0) + 0.5);
  const right = prevalence * (sensitivity ?? 0);
  const alarms = right + (1 - prevalence) * (1 - (specificity ?? 0));
  const clear = (1 - prevalence) * (specificity ?? 0);
  const quiet = clear + prevalence * (1 - (sensitivity ?? 0));
  return {
    threshold: data.thresholds[index], sensitivity, specificity,
    ppv: alarms > 0 ? right / alarms : null, npv: quiet > 0 ? clear / quiet : null,
    tp, fn: diseased - tp, tn, fp: 1000 - diseased - tn,
  };
}

/** `93.4 %`, or a dash where nothing can be said. Pure. */
function asPercent(share) {
  return share === null ? "–" : (100 * share).toFixed(1) + " %";
}

/** A threshold with as many digits as it needs to differ from 0 and from 1. Pure. */
function asThreshold(value) {
  return value > 0 && value < 0.001 ? value.toExponential(1) : value > 0.999 && value < 1 ? value.toFixed(5) : value.toFixed(3);
}

/** The kind of each of 1,000 dots, in reading order. Pure. */
function dotKinds(point) {
  return ["tp", "fn", "fp", "tn"].flatMap((kind) => Array(point[kind]).fill(kind));
}

function startPanel(panel) {
  const data = JSON.parse(document.getElementById("panel-data").textContent);
  const part = (name) => panel.querySelector(`[data-part="${name}"]`);
  const [threshold, prevalence, percent] = ["threshold", "prevalence", "percent"].map(part);
  const dots = drawDots(part("dots"));

  function show() {
    const share = Number(prevalence.value) / 1000;
    const point = operatingPoint(data, Number(threshold.value), share);
    part("threshold-value").textContent = asThreshold(point.threshold);
    threshold.setAttribute("aria-valuetext", "threshold " + asThreshold(point.threshold));
    prevalence.setAttribute("aria-valuetext", (100 * share).toFixed(1) + " percent");
    for (const name of ["sensitivity", "specificity", "ppv", "npv"]) part(name).textContent = asPercent(point[name]);
    for (const name of ["tp", "fp", "fn", "tn"]) part(name).textContent = point[name];
    part("alarms").textContent = point.tp + point.fp;
    part("clear").textContent = point.fn + point.tn;
    part("diseased").textContent = point.tp + point.fn;
    part("healthy").textContent = point.fp + point.tn;
    dotKinds(point).forEach((kind, i) => { if (dots[i].getAttribute("class") !== kind) dots[i].setAttribute("class", kind); });
    const moved = Number(threshold.value) !== data.start;
    part("state").textContent = moved ? "Exploring: this threshold was not chosen on validation patients."
      : data.folds > 1 ? `Mean of the ${data.folds} frozen thresholds.` : "The frozen threshold.";
    panel.classList.toggle("moved", moved);
  }

  function reset() {
    threshold.value = data.start;
    prevalence.value = Math.round(1000 * data.prevalence);
    percent.value = (Number(prevalence.value) / 10).toFixed(1);
    show();
  }

  threshold.addEventListener("input", show);
  prevalence.addEventListener("input", () => { percent.value = (Number(prevalence.value) / 10).toFixed(1); show(); });
  percent.addEventListener("input", () => {
    const wanted = Number(percent.value);
    if (percent.value !== "" && wanted >= 0 && wanted <= 100) { prevalence.value = Math.round(10 * wanted); show(); }
  });
  part("reset").addEventListener("click", reset);
  reset();
}

/** 1,000 circles in 40 columns; gives them in reading order. */
function drawDots(svg) {
  return Array.from({ length: 1000 }, (_, i) => {
    const dot = document.createElementNS(svg.namespaceURI, "circle");
    dot.setAttribute("cx", 5 + 10 * (i % 40));
    dot.setAttribute("cy", 5 + 10 * Math.floor(i / 40));
    dot.setAttribute("r", 3.6);
    return svg.appendChild(dot);
  });
}

document.querySelectorAll(".panel").forEach(startPanel);
