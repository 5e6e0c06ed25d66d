// Checks that this browser can run the app, then loads it.
//
// The names of the app's files, and what they must hash to, stand in index.html:
// the build puts the hashes there, so this file never changes with them.

const byId = (id) => document.getElementById(id);

/** Replaces the loading text by a plain sentence. */
function say(title, text) {
  byId("boot-title").textContent = title;
  byId("boot-text").textContent = text;
  byId("boot").classList.add("boot-failed");
}

/** Returns what is missing, in words, or nothing. */
function missing() {
  if (!window.isSecureContext) {
    return "This address is not secure, so the browser withholds what MCMix needs to protect your keys. Open the page by https:// (or by http://127.0.0.1 on this computer).";
  }
  if (typeof WebAssembly !== "object") {
    return "MCMix runs as WebAssembly, which this browser lacks or has switched off (some browsers do so in their strictest mode).";
  }
  if (!("indexedDB" in window)) {
    return "This browser keeps no data for pages (IndexedDB is missing or blocked), so your identity could not be kept.";
  }
  if (!navigator.locks) {
    return "This browser is too old: it lacks Web Locks, which keep two windows from using one identity at once.";
  }
  return undefined;
}

async function load() {
  const wasm = byId("app-wasm");
  const options = wasm.integrity || wasm.getAttribute("integrity");
  const binary = fetch(wasm.href, options ? { integrity: options } : {}).then((response) => {
    if (!response.ok) throw new Error(`${response.status} for the app's code`);
    return response;
  });
  const compiled = WebAssembly.compileStreaming(binary);
  // Whatever fails first is reported; the other must not become an unhandled rejection.
  compiled.catch(() => {});
  const script = byId("app-script").href;
  const { default: init } = await import(script);
  // Compiled once, for the page and for the worker in which the engine runs.
  const module = await compiled;
  const engine = new Worker(scriptUrl(byId("engine-script").href), { type: "module", name: "engine" });
  engine.postMessage({ script, module });
  // The page takes it from here (web-client/src/worker.rs).
  window.mcmixEngine = engine;
  await init({ module_or_path: module });
}

/** Says that the address of a script is one of ours, where a browser wants that said. */
const scriptUrl = (() => {
  const plain = { createScriptURL: (url) => url };
  try {
    const policy = window.trustedTypes ? window.trustedTypes.createPolicy("mcmix", plain) : plain;
    return (url) => policy.createScriptURL(url);
  } catch {
    // A stricter policy than ours: what it forbids fails where it is used, and is said there.
    return plain.createScriptURL;
  }
})();

/** Registers the service worker, which keeps the page usable while its server is away. */
function keepOffline() {
  if (!navigator.serviceWorker) return;
  try {
    navigator.serviceWorker.register(scriptUrl("sw.js")).catch(() => {});
  } catch {
    // A stricter policy than ours, or private browsing: the page works without.
  }
}

const lacks = missing();
if (lacks) {
  say("MCMix can’t run here", lacks);
} else {
  load().then(keepOffline, (error) => {
    console.error(error);
    say(
      "MCMix did not load",
      "Its code did not arrive, or is not what this page announced. Check your connection and reload. If it stays so, the server may be in the middle of an update.",
    );
  });
}
