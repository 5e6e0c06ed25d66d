// What tests do to the engine where no page can reach it. Added to a copy of the site for tests.

self.addEventListener("message", ({ data, ports: [done] }) => {
  if (data.fault === "clock ahead") {
    const now = Date.now;
    Date.now = () => now() + data.by;
  } else if (data.fault === "storage refuses") {
    IDBDatabase.prototype.transaction = () => {
      throw new DOMException("", "QuotaExceededError");
    };
  } else if (data.fault === "port is cut") {
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (bytes) {
      if (this.url.includes(`:${data.port}/`)) this.close();
      else send.call(this, bytes);
    };
  } else {
    return;
  }
  done.postMessage(true);
});
