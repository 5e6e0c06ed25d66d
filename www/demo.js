// The demo: three guests of this site in three frames, and what the network sees of them.
//
// Nothing here is acted: the frames are the app itself, each guest has a client and sockets of its
// own, and tells on a channel what they carry (web-client/src/tap.rs). This page presses the
// frames' own buttons, as a visitor may, and draws.

const PEOPLE = ["Alice", "Bob", "Carol"];
const IDLE = "Carol";

/** What they say, until a visitor writes something else. */
const LINES = [
  ["Alice", "Do they see that we talk?"],
  ["Bob", "They see boxes. Yours look like Carol’s."],
  ["Alice", "And she says nothing at all."],
  ["Bob", "Exactly."],
  ["Alice", "😀 And if I write something much, much longer than that, with all the words that I can think of?"],
  ["Bob", "The same boxes. It just takes another round."],
];

/** How much of the wires is drawn, in milliseconds. */
const WINDOW = 12_000;
/** How much of an ordinary server’s record is. */
const REMEMBERED = 24_000;
/** How much is counted: up to where all that belongs to a round has come. */
const COUNTED = [WINDOW, 2_000];
/** The longest frame, in bytes, fills half a row. */
const LONGEST = 900;
/** How wide a frame is drawn, and the names of the servers before it, in pixels. */
const [BOX, GUTTER] = [4, 22];
/** How long something may take to show up in a frame, in milliseconds. */
const PATIENCE = 60_000;
/** Entries of the record that are shown. */
const SHOWN = 12;

const byId = (id) => document.getElementById(id);
const now = () => performance.timeOrigin + performance.now();
const channel = new BroadcastChannel(crypto.randomUUID());

/** Makes an element with its attributes and what is in it. */
function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

// ---- the three people ----

const people = new Map(PEOPLE.map((name) => [name, join(name)]));

function join(name) {
  const source = `./?guest=${name}&shown-on=${channel.name}`;
  const frame = make("iframe", { title: `${name}’s browser`, src: source, "data-testid": `demo-${name}` });
  const canvas = make("canvas", { role: "img" });
  const count = make("span", { "data-testid": "demo-count", "data-name": name });
  const role = make("strong", {}, name === IDLE ? `${name}, who does nothing` : name);
  byId("people").append(make("li", {}, frame));
  byId("wires").append(make("li", {}, canvas, make("p", { class: "demo-count" }, role, count)));

  const noise = make("canvas", { role: "img", "aria-label": `What the server gets from ${name}: noise` });
  const of = make("p", {});
  byId("shares").append(make("li", {}, noise, of));
  return { name, frame, canvas, count, noise, of, wires: [], shares: undefined, round: undefined, said: new Map() };
}

channel.onmessage = ({ data: [name, what, ...rest] }) => {
  const person = people.get(name);
  if (!person) return;
  if (what === "dealt") {
    [person.round, ...person.shares] = rest;
  } else {
    const [party, bytes, at] = rest;
    person.wires.push({ up: what === "up", party, bytes, at });
    while (person.wires[0]?.at < now() - WINDOW - 1_000) person.wires.shift();
  }
};

// ---- what they do ----

/** Returns a part of somebody's page, if it is there. */
function part(name, id, more = "") {
  return people.get(name).frame.contentDocument?.querySelector(`[data-testid="${id}"]${more}`);
}

/** Waits until something is there; `what` says what is missing if it does not come. */
async function until(find, what) {
  const end = now() + PATIENCE;
  for (;;) {
    const found = find();
    if (found) return found;
    if (now() > end) throw new Error(what);
    await pause(100);
  }
}

const pause = (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds));
const press = async (name, id, more) =>
  (await until(() => part(name, id, more), `Something else is open in ${name}’s window`)).click();

const isOnline = (name) =>
  [0, 1, 2].every((party) => part(name, `party-${party}`, '[data-state="connected"]'));

const isPaired = (name, other) => part(name, "contact", `[data-name="${other}"][data-state="paired"]`);

/** Shows somebody's conversation with another, whatever is open there. */
async function open(name, other) {
  const there = () => part(name, "conversation", `[data-name="${other}"]`);
  if (there()) return;
  part(name, "close-dialog")?.click();
  await press(name, "contact", `[data-name="${other}"]`);
  await until(there, `Something else is open in ${name}’s window`);
}

/** Bob opens Alice's link and calls; she accepts. */
async function connect() {
  if (!isPaired("Alice", "Bob") || !isPaired("Bob", "Alice")) {
    await press("Alice", "invite");
    const field = await until(() => part("Alice", "invite-link")?.value && part("Alice", "invite-link"), "Alice’s link does not show");
    const link = field.value;
    await press("Alice", "close-dialog");
    say("Bob opens Alice’s link and calls her\u2009…");
    people.get("Bob").frame.contentWindow.location.hash = new URL(link).hash;
    await press("Bob", "add-and-call");
    await press("Alice", "accept");
    say("Alice accepts\u2009…");
  }
  for (const [name, other] of [["Alice", "Bob"], ["Bob", "Alice"]]) {
    await until(() => isPaired(name, other), `${name} and ${other} are not connected yet`);
    await open(name, other);
  }
}

let next = 0;

/** One of them says the next line; returns once the other has it. */
async function talk() {
  const [name, text] = LINES[next % LINES.length];
  const other = name === "Alice" ? "Bob" : "Alice";
  await open(name, other);
  await open(other, name);
  const arrived = () => messages(other, "them").filter((message) => wordsOf(message) === text).length;
  const before = arrived();
  const input = await until(() => part(name, "composer-input"), `${name} can’t write now`);
  input.value = text;
  input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  await pause(300);
  await press(name, "send");
  next += 1;
  await until(() => arrived() > before, `What ${name} wrote is still on its way`);
}

function messages(name, from) {
  const page = people.get(name).frame.contentDocument;
  return [...(page?.querySelectorAll(`[data-testid="message"][data-from="${from}"]`) ?? [])];
}

/** Returns what a message says, if there is one. */
const wordsOf = (message) => message?.querySelector('[data-testid="message-text"]')?.textContent.trim();

const button = byId("next");

/** Says on the button, and to who listens, what goes on. */
function say(text) {
  button.textContent = text;
  byId("news").textContent = text;
}

async function play() {
  await attempt(async () => {
    for (const name of PEOPLE) await until(() => isOnline(name), `${name}’s browser does not reach all three servers`);
  });
  await step("Connect Alice and Bob", connect);
  for (;;) {
    await step(next === 0 ? "Let them talk" : "Let them say more", async () => {
      say("They talk\u2009…");
      for (let line = 0; line < 2; line += 1) {
        await talk();
        await pause(1_000);
      }
    });
  }
}

/** Offers a step, and takes it when the button is pressed; once more if it comes to nothing. */
async function step(text, run) {
  for (;;) {
    say(text);
    button.setAttribute("aria-disabled", "false");
    await new Promise((taken) => button.addEventListener("click", taken, { once: true }));
    button.setAttribute("aria-disabled", "true");
    if (await attempt(run)) return;
  }
}

/** Does something, and says it where it comes to nothing. */
async function attempt(run) {
  byId("trouble").textContent = "";
  try {
    await run();
    return true;
  } catch (error) {
    console.error(error);
    byId("trouble").textContent = `${error.message}. Close what is open there, or wait a little, and try again.`;
    return false;
  }
}

// ---- what an ordinary server would know ----

const record = [];

/** Looks for messages that were not there before: what somebody wrote, and to whom. */
function watch() {
  for (const { name, said } of people.values()) {
    const other = part(name, "conversation")?.dataset.name;
    if (!other) continue;
    const own = messages(name, "me");
    const fresh = own.slice(said.get(other) ?? 0);
    said.set(other, Math.max(own.length, said.get(other) ?? 0));
    for (const message of fresh) {
      const bytes = new TextEncoder().encode(wordsOf(message)).length;
      record.push({ at: now(), from: name, to: other, bytes });
      write(record.at(-1));
    }
  }
}

function write({ at, from, to, bytes }) {
  const table = byId("record");
  const cells = [new Date(at).toLocaleTimeString(), from, to, String(bytes)];
  table.tBodies[0].prepend(make("tr", {}, ...cells.map((text) => make("td", {}, text))));
  while (table.tBodies[0].rows.length > SHOWN) table.tBodies[0].lastChild.remove();
  table.hidden = false;
  byId("record-empty").hidden = true;
}

// ---- drawing ----

const token = (name) => getComputedStyle(document.body).getPropertyValue(name);

/** Returns a drawing of a canvas as large as it is shown, and its size. */
function blank(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.textAlign = "start";
  return { pen, width, height };
}

/** Colours and letters, as the theme has them now. */
function look() {
  const probe = document.body.style;
  // A token may be `light-dark(…)`, which a canvas does not read: a computed colour is plain.
  const plain = (name) => {
    probe.setProperty("outline-color", `var(${name})`);
    return getComputedStyle(document.body).outlineColor;
  };
  const colours = {
    up: plain("--accent"),
    down: plain("--focus"),
    line: plain("--line"),
    text: plain("--muted"),
    ink: plain("--text"),
  };
  probe.removeProperty("outline-color");
  return { ...colours, font: `12px ${token("--font")}` };
}

/** Draws all frames of the last seconds, a row for each server. */
function drawWires({ canvas, wires }, colours, time) {
  const { pen, width, height } = blank(canvas);
  const row = height / 3;
  const middle = (party) => Math.round(row * (party + 0.5));
  pen.font = colours.font;
  for (let party = 0; party < 3; party += 1) {
    pen.fillStyle = colours.text;
    pen.fillText(`P${party}`, 0, middle(party) + 4);
    pen.fillStyle = colours.line;
    pen.fillRect(GUTTER, middle(party), width - GUTTER, 1);
  }
  // What comes at once stands side by side.
  const taken = new Map();
  for (const { up, party, bytes, at } of wires.filter((frame) => time - frame.at < WINDOW)) {
    const place = `${up} ${party}`;
    const x = Math.max(width - ((time - at) / WINDOW) * (width - GUTTER), taken.get(place) ?? GUTTER);
    taken.set(place, x + BOX + 1);
    if (x + BOX > width) continue;
    const size = Math.max(2, Math.round((row / 2 - 2) * Math.sqrt(Math.min(bytes, LONGEST) / LONGEST)));
    pen.fillStyle = up ? colours.up : colours.down;
    pen.fillRect(x, up ? middle(party) - size : middle(party) + 1, BOX, size);
  }
}

/** Draws the messages that somebody wrote and got, as an ordinary server knows them. */
function drawMessages({ canvas, name }, colours, time) {
  const { pen, width, height } = blank(canvas);
  const middle = Math.round(height / 2);
  pen.font = colours.font;
  pen.textAlign = "center";
  pen.fillStyle = colours.line;
  pen.fillRect(0, middle, width, 1);
  const own = record.filter(({ from, to, at }) => (from === name || to === name) && time - at < REMEMBERED);
  for (const [index, { at, from, to, bytes }] of own.entries()) {
    const writes = from === name;
    // Two heights, so that labels stand clear of each other.
    const away = 16 + 22 * (Math.floor(index / 2) % 2);
    const x = width * (1 - (time - at) / REMEMBERED);
    const radius = 4 + Math.sqrt(bytes) / 3;
    pen.fillStyle = writes ? colours.up : colours.down;
    pen.beginPath();
    pen.arc(x, middle + (writes ? -away : away), radius, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = colours.ink;
    const text = writes ? `to ${to}, ${bytes} B` : `from ${from}, ${bytes} B`;
    pen.fillText(text, x, middle + (writes ? -away - 10 : away + 20));
  }
  if (own.length === 0) {
    pen.fillStyle = colours.text;
    pen.fillText("nothing", width / 2, middle - 8);
  }
}

/** Draws a share, a square for each byte. */
function drawShare({ noise, of, shares, round, name }, server, colours) {
  const { pen, width, height } = blank(noise);
  const share = shares?.[server];
  if (!share) return;
  const side = Math.max(2, Math.min(16, Math.floor(Math.sqrt((width * height) / share.length))));
  const across = Math.floor(width / side);
  pen.fillStyle = colours.ink;
  share.forEach((byte, index) => {
    pen.globalAlpha = byte / 255;
    pen.fillRect((index % across) * side, Math.floor(index / across) * side, side, side);
  });
  pen.globalAlpha = 1;
  of.textContent = `From ${name}, round ${Number(round).toLocaleString("en")}: ${share.length} bytes`;
}

/** Counts what somebody’s browser sent and got, or what they wrote and got. */
function tally({ name, wires, count, canvas }, time) {
  const counted = wires.filter(({ at }) => time - at < COUNTED[0] && time - at >= COUNTED[1]);
  const bytes = counted.reduce((sum, frame) => sum + frame.bytes, 0);
  const rate = bytes / ((COUNTED[0] - COUNTED[1]) / 1000);
  Object.assign(count.dataset, { frames: counted.length, bytes });
  const written = record.filter(({ from }) => from === name).length;
  const got = record.filter(({ to }) => to === name).length;
  const isMcmix = document.body.dataset.view === "mcmix";
  count.textContent = isMcmix
    ? `${Math.round(rate).toLocaleString("en")} bytes a second`
    : `${written} sent, ${got} received`;
  const shown = isMcmix ? `All that ${name}’s browser sends and gets` : `The messages of ${name}`;
  canvas.setAttribute("aria-label", `${shown}: ${count.textContent}`);
}

function draw() {
  const time = now();
  const colours = look();
  const server = Number(document.querySelector('input[name="server"]:checked').value);
  const { view } = document.body.dataset;
  for (const person of people.values()) {
    if (view === "mcmix") {
      drawWires(person, colours, time);
      drawShare(person, server, colours);
    } else {
      drawMessages(person, colours, time);
    }
  }
}

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
let last = 0;

function tick(time) {
  if (time - last >= (calm.matches ? 1_000 : 50)) {
    last = time;
    draw();
  }
  requestAnimationFrame(tick);
}

for (const choice of document.querySelectorAll('input[name="view"]')) {
  choice.addEventListener("change", () => {
    document.body.dataset.view = choice.value;
    draw();
  });
}
// Colours are the theme's.
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
setInterval(watch, 200);
setInterval(() => people.forEach((person) => tally(person, now())), 500);
requestAnimationFrame(tick);
play();
