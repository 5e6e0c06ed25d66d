// Keeps one complete set of the page's files, so that the page opens while its server is away.
//
// The build writes VERSION (a hash over the set) and FILES (hashed names). Files are only ever
// taken together: a set that cannot be fetched whole is not installed. Nothing here touches
// IndexedDB, and a file that is not in the set comes from the network or not at all.
"use strict";

const VERSION = "development";
const FILES = [];

const CACHE = `mcmix-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// A notification of a phone's browser, which the page leaves to us: back to the page.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    self.clients.matchAll({ type: "window" }).then(([page]) => (page ? page.focus() : self.clients.openWindow("./"))),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || FILES.length === 0) return;
  const name = url.pathname.slice(new URL("./", self.location).pathname.length);
  if (request.mode === "navigate") {
    // Other pages beside it show nothing without servers.
    if (name !== "" && name !== "index.html") return;
    // The page itself: the newest where the server answers, else the one kept.
    event.respondWith(
      fetch(request).catch(() =>
        caches.open(CACHE).then(async (cache) => (await cache.match("./")) ?? Response.error()),
      ),
    );
    return;
  }
  if (!FILES.includes(name)) return;
  event.respondWith(
    caches.open(CACHE).then(async (cache) => (await cache.match(name)) ?? fetch(request)),
  );
});
