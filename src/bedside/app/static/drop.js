// Files from the reader's disk to their own server: one request for each, so that any number of them may come.
(() => {
  const AT_ONCE = 3;

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("input[data-arrive]") && event.target.files.length) {
      const files = [...event.target.files].map((file) => [file.webkitRelativePath || file.name, file]);
      send(event.target.closest("[data-drop]"), files);
      event.target.value = "";
    }
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault(); // a file dropped beside the place must not replace the page
      const place = event.target.closest?.("[data-drop]");
      document.querySelectorAll("[data-drop]").forEach((one) => one.classList.toggle("over", one === place && name !== "drop" && name !== "dragleave"));
      if (name === "drop" && place) dropped(event.dataTransfer).then((files) => files.length && send(place, files));
    });

  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    return (await Promise.all(entries.map((entry) => below(entry, "")))).flat();
  }

  async function below(entry, path) {
    if (entry.isFile) return [[path + entry.name, await new Promise((good, bad) => entry.file(good, bad))]];
    const reader = entry.createReader(), found = [];
    for (let part; (part = await new Promise((good, bad) => reader.readEntries(good, bad))).length; ) found.push(...part);
    return (await Promise.all(found.map((one) => below(one, `${path}${entry.name}/`)))).flat();
  }

  async function send(place, files) {
    const words = place.dataset, bar = place.querySelector("progress"), status = place.querySelector("[role=status]");
    const said = (text, error) => {
      status.textContent = text; status.classList.toggle("error", Boolean(error));
      status.lang = error?.lang || document.documentElement.lang;
    };
    place.setAttribute("aria-busy", "true"); bar.hidden = false; bar.max = files.length; bar.value = 0;
    said(words.sending.replace("{total}", files.length));
    try {
      const { batch } = await asked("/arrive", "POST");
      const waiting = [...files];
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let one; (one = waiting.shift()); bar.value += 1) await asked(`/arrive/${batch}?name=${encodeURIComponent(one[0])}`, "PUT", one[1]);
      }));
      said(words.reading);
      location.assign((await asked((words.end || "/arrive/{batch}").replace("{batch}", batch), "POST")).place);
    } catch (error) {
      said(error.message || words.lost, error);
    } finally {
      place.removeAttribute("aria-busy"); bar.hidden = true;
    }
  }

  async function asked(place, method, body) {
    let answer;
    try { answer = await fetch(place, { method, body }); } catch { throw new Error(""); }
    const record = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(record.error || `${answer.status}`), { lang: record.lang });
    return record;
  }
})();
