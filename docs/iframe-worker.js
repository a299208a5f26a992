// Search runs in a worker, which browsers refuse for pages that were opened from a disk. There, a hidden frame works instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "search";
      document.body.append(frame);
      const inside = (this.inside = frame.contentWindow);
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...addresses) => addresses.reduce((before, one) => before.then(() => load(inside, one)), Promise.resolve());
      load(inside, address).then(() => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach((data) => this.postMessage(data));
      });
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data }));
    }
    terminate() { this.inside.frameElement.remove(); }
  };
  const load = (inside, address) => new Promise((done, failed) => {
    const script = inside.document.createElement("script");
    Object.assign(script, { src: new URL(address, location.href).href, onload: done, onerror: failed });
    inside.document.head.append(script);
  });
}
