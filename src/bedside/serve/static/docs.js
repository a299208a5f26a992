// Draws /openapi.json and lets one try each route. Text is set as text, never as HTML.
"use strict";

const main = document.getElementById("main");

function made(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Follows "#/components/schemas/Name".
function followed(document_, schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.slice(2).split("/").reduce((place, name) => place[name], document_);
}

// A schema in words: "number or null", "one of a, b".
function kind(document_, schema) {
  const found = followed(document_, schema);
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) {
    const shown = found.enum.slice(0, 6).map((one) => JSON.stringify(one)).join(", ");
    return "one of " + shown + (found.enum.length > 6 ? ", ..." : "");
  }
  if (found.anyOf) return found.anyOf.slice(0, 2).map((one) => kind(document_, one)).join(", or ");
  if (found.type === "array") return "list of " + kind(document_, found.items);
  const types = [].concat(found.type || "object").map((one) => (one === "string" ? "text" : one));
  return types.join(" or ");
}

function table(document_, schema) {
  const found = followed(document_, schema);
  const needed = new Set(found.required || []);
  const body = made("tbody");
  for (const [name, one] of Object.entries(found.properties || {})) {
    const words = followed(document_, one).description || one.description || "";
    body.append(made("tr", {}, made("td", {}, made("code", {}, name)), made("td", {}, kind(document_, one)),
      made("td", {}, (needed.has(name) ? "" : "May be left out. ") + words)));
  }
  const head = made("tr", {}, made("th", { scope: "col" }, "name"), made("th", { scope: "col" }, "value"), made("th", { scope: "col" }, "meaning"));
  return made("div", { class: "scroll" }, made("table", {}, made("thead", {}, head), body));
}

function folded(title, ...children) {
  return made("details", {}, made("summary", {}, title), ...children);
}

function refusals(operation) {
  const body = made("tbody");
  for (const [status, one] of Object.entries(operation.responses)) {
    if (status !== "200") body.append(made("tr", {}, made("td", {}, status), made("td", {}, one.description.replaceAll("`", ""))));
  }
  return made("div", { class: "scroll" }, made("table", {}, body));
}

// Chosen files as a form, or else what was written.
function body(text, files) {
  if (!files.files.length) return { body: text.value, headers: { "Content-Type": "application/json" } };
  const form = new FormData();
  for (const file of files.files) form.append(files.name, file);
  return { body: form };
}

// An answer for people: maps are drawn, and not written out as letters.
function shown(said, pictures) {
  for (const sample of said.samples || []) {
    if (typeof sample.map !== "string") continue;
    const image = made("img", { src: "data:image/webp;base64," + sample.map, alt: "Where the evidence lies" });
    pictures.append(made("figure", {}, image, made("figcaption", {}, sample.sample + (sample.of ? ": evidence for " + sample.of : ""))));
    sample.map = "(drawn above)";
  }
  return said;
}

function trial(document_, path, verb, operation) {
  const status = made("p", { role: "status", class: "notice" });
  const answer = made("pre", { hidden: "", tabindex: "0", "aria-label": "Answer" });
  const pictures = made("div", { class: "pictures" });
  const button = made("button", { type: "submit", class: path === "/v1/predict" ? "first" : "" }, "Try it");
  const form = made("form", {});
  const asked = operation.requestBody && operation.requestBody.content;
  let text = null, files = null;
  if (asked) {
    text = made("textarea", { spellcheck: "false" });
    text.value = JSON.stringify(asked["application/json"].example, null, 1);
    text.rows = Math.min(24, text.value.split("\n").length);
    const [name] = Object.keys(followed(document_, asked["multipart/form-data"].schema).properties);
    files = made("input", name === "files" ? { type: "file", name, multiple: "" } : { type: "file", name, accept: ".csv,text/csv" });
    form.append(made("label", {}, "Body (JSON)", text),
      made("label", {}, name === "files" ? "Or images of your own, which are sent to this server only" : "Or a CSV of your own, which is sent to this server only", files));
  }
  form.append(button, status, pictures, answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    status.textContent = "Asking";
    const begun = performance.now();
    try {
      const given = text ? body(text, files) : {};
      const response = await fetch(path, { method: verb.toUpperCase(), ...given });
      const said = await response.text();
      const took = Math.round(performance.now() - begun);
      status.textContent = "Status " + response.status + ", " + took + " ms";
      status.className = response.ok ? "notice good" : "notice bad";
      answer.hidden = false;
      pictures.replaceChildren();
      try { answer.textContent = JSON.stringify(shown(JSON.parse(said), pictures), null, 1); } catch { answer.textContent = said; }
    } catch (error) {
      status.textContent = "The server did not answer.";
      status.className = "notice bad";
    }
    button.disabled = false;
  });
  return form;
}

function route(document_, path, verb, operation) {
  const name = verb.toUpperCase() + " " + path;
  const section = made("section", { "aria-label": name },
    made("div", { class: "head" }, made("h2", {}, operation.summary), made("code", {}, made("span", { class: "verb" }, verb.toUpperCase()), " " + path)));
  if (operation.description) section.append(made("p", {}, operation.description.replaceAll("`", "")));
  const asked = operation.requestBody && operation.requestBody.content;
  if (asked) {
    section.append(made("p", { class: "notice" }, asked["text/csv"]
      ? "Takes JSON, a CSV (text/csv), or a CSV as the file of a form (multipart/form-data)."
      : "Takes the files of a form (multipart/form-data), or JSON with each file as base64."));
    section.append(folded("A sample", table(document_, { $ref: "#/components/schemas/Sample" })));
  }
  if (operation.parameters) {
    const listed = { properties: Object.fromEntries(operation.parameters.map((one) => [one.name, { ...one.schema, description: one.description }])) };
    section.append(folded("In the address", table(document_, listed)));
  }
  const answered = operation.responses["200"].content["application/json"];
  if (answered) {
    const answer = folded("The answer", table(document_, answered.schema));
    if (path === "/v1/predict") answer.append(made("h3", {}, "Of each sample"), table(document_, { $ref: "#/components/schemas/Scored" }));
    section.append(answer);
  }
  section.append(folded("When it is refused", refusals(operation)), trial(document_, path, verb, operation));
  return section;
}

function fact(list, name, value) {
  if (value !== null && value !== undefined && value !== "") list.append(made("dt", {}, name), made("dd", {}, String(value)));
}

async function begin() {
  const [document_, model] = await Promise.all(["/openapi.json", "/v1/model"].map(async (path) => {
    const response = await fetch(path);
    const said = await response.json();
    if (!response.ok) throw new Error(said.error.message);
    return said;
  }));
  const facts = made("dl", { class: "facts" });
  fact(facts, "Predicts", model.target + ": " + (model.classes.length ? model.classes.join(", ") : "a number"));
  fact(facts, "Threshold", model.threshold === null ? null : model.positive + " from " + Number(model.threshold.toPrecision(4)));
  fact(facts, "Learned from", model.trained.samples.toLocaleString("en") + " samples of " + model.trained.patients.toLocaleString("en") + " patients");
  fact(facts, "Version", model.version);
  fact(facts, "At once", (model.reads === "images" ? model.limits.images + " images" : model.limits.rows.toLocaleString("en") + " samples") + ", " + model.limits.explained + " to explain");
  fact(facts, "Problem", model.problem);
  main.replaceChildren(made("h1", {}, model.name), made("p", { class: "lead" }, document_.info.description.replaceAll("`", "")), facts);
  for (const [path, verbs] of Object.entries(document_.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) main.append(route(document_, path, verb, operation));
  }
  document.title = model.name + " - bedside";
}

begin().catch((error) => {
  main.replaceChildren(made("h1", {}, "The document is not there"), made("p", { class: "lead" }, error.message));
});
