// Search runs in a worker, which browsers refuse for pages that were opened from a disk. There, a hidden frame works instead.
if (location.protocol === "file:") {
  const load = (inside, address) => new Promise((done, failed) => {
    const script = inside.document.createElement("script");
    Object.assign(script, { src: new URL(address, location.href).href, onload: done, onerror: failed });
    inside.document.head.append(script);
  });
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      this.frame = Object.assign(document.createElement("iframe"), { hidden: true, title: "search", srcdoc: "<!doctype html><title>search</title>" });
      this.frame.addEventListener("load", () => this.begin(address), { once: true });
      document.body.append(this.frame);
    }
    async begin(address) {
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...addresses) => addresses.reduce((before, one) => before.then(() => load(inside, one)), Promise.resolve());
      await load(inside, address);
      const waiting = this.waiting;
      this.waiting = null;
      waiting.forEach((data) => this.postMessage(data));
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new this.frame.contentWindow.MessageEvent("message", { data }));
    }
    terminate() { this.frame.remove(); }
  };
}
