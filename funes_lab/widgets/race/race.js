// The race board: draws what Python has written out, and moves along the order that is shown. Any other step is
// played by Python, on a copy of the streams; a page without a kernel has the order that was shown, and no other.

const SVG = "http://www.w3.org/2000/svg";
const LETTER = { 11: 6.1, 12: 6.8, 13: 7.4 }; // pixels of a letter in a text of so many; 12 is 11 and bold
const NUMBERS = 28, EDGE = 52, NEXT = 34, LEAST = 46; // of the diagram: the numbers, the edges, the box below, between lifelines
const PACE = 600; // milliseconds a step, where an order is watched
const GLYPHS = {
  accepted: "M1.5 6.5 4.5 9.5 10.5 2.5", refused: "M2 2l8 8M10 2l-8 8",
  conflict: "M1.5 2 5 6 1.5 10M10.5 2 7 6l3.5 4", state: "M6 .8 11.2 6 6 11.2.8 6z",
  interpretation: "M6 1.5 11 10.5H1z", own: "M2 2h8v8H2z",
};

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function shape(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

function glyph(name, kind = "") {
  const made = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
  made.append(shape("path", { d: GLYPHS[name] || GLYPHS.refused, class: kind }));
  return made;
}

function outcome(tone, word) {
  return tone && tone !== "changed" ? node("span", { class: `o ${tone}` }, glyph(tone), word) : node("span", { class: tone ? "chg" : "muted" }, tone ? `~ ${word}` : word);
}

const kind = (number) => `var(--fl-${number >= 1 && number <= 8 ? `c${number}` : "muted"})`;
const wide = (text, size = 11) => text.length * LETTER[size];

// The first text that fits; the last one is cut.
function fitted(texts, room, size = 11) {
  const found = texts.find((text) => wide(text, size) <= room) ?? texts[texts.length - 1];
  const letters = Math.max(3, Math.floor(room / LETTER[size]));
  return found.length > letters ? `${found.slice(0, letters - 1)}…` : found;
}

// --- the diagram; `funes_lab.widgets.race.drawing` draws the same for the picture -------------------------------------

class Sequence {
  constructor(data, width) {
    this.data = data;
    this.drawn = data.diagram;
    const lanes = this.drawn.lanes.length;
    this.width = Math.max(width, NUMBERS + LEAST * lanes);
    const edge = Math.min(EDGE, this.width / (2 * lanes)), gap = (this.width - NUMBERS - 2 * edge) / Math.max(1, lanes - 1);
    this.x = this.drawn.lanes.map((_, n) => NUMBERS + edge + n * gap);
    this.gap = gap;
    const { heights } = this.drawn;
    this.height = heights[heights.length - 1] + NEXT;
    this.svg = shape("svg", { width: this.width, height: this.height, viewBox: `0 0 ${this.width} ${this.height}`, role: "img" });
  }

  at(number, label) {
    const parts = [], { heights } = this.drawn, bottom = heights[number] - 6, next = this.data.shown[number];
    const height = bottom + (next ? NEXT : 0);
    this.lifelines(parts, height);
    for (const band of this.drawn.bands) if (band.n <= number) this.band(parts, band, number);
    for (const mark of this.drawn.marks) if (mark.n <= number) this[mark.kind](parts, mark);
    if (next) this.next(parts, next, number, bottom + 2);
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", label);
    return height;
  }

  lifelines(parts, height) {
    this.drawn.lanes.forEach((lane, n) => {
      const x = this.x[n], room = Math.max(30, Math.min(this.gap - 8, 2 * Math.min(x, this.width - x)));
      parts.push(shape("path", { class: "grid", d: `M${x} 34V${height}` }));
      if (lane.kind === "stream") parts.push(shape("rect", { class: "box", x: x - 5, y: 34, width: 10, height: height - 34 }));
      const head = shape("text", { class: "b mid big", x, y: 22 }, fitted(lane.texts, room, 13));
      head.append(shape("title", {}, lane.whole));
      parts.push(head);
    });
  }

  band(parts, band, number) {
    const ended = band.ends.filter(([n]) => n <= number), holds = ended.length < band.ends.length || !ended.length;
    const bottom = holds ? this.drawn.heights[number] - 12 : ended[ended.length - 1][1];
    parts.push(shape("rect", { class: "hold", x: this.x[band.lane] - 4, y: band.y, width: 8, height: Math.max(0, bottom - band.y) }));
  }

  number(parts, { y, text }) { parts.push(shape("text", { class: "mu", x: 4, y: y + 4 }, text)); }

  ask(parts, mark) { this.arrow(parts, mark, "ln", ""); }

  answer(parts, mark) { this.arrow(parts, mark, "ln soft", "mu"); }

  verdict(parts, mark) {
    const group = shape("g", { class: mark.tone === "muted" ? "none" : mark.tone });
    const inside = [];
    this.arrow(inside, mark, "said", "word b");
    group.append(...inside);
    parts.push(group);
  }

  arrow(parts, { y, source, target, texts }, line, word) {
    const from = this.x[source], end = this.x[target], to = end > from ? 1 : -1, tip = end - 6 * to;
    parts.push(shape("path", { class: line, d: `M${from} ${y}H${tip - 6 * to}` }));
    parts.push(shape("path", { class: `tip ${line.replace("ln", "").trim()}`, d: `M${tip} ${y}l${-8 * to} -4v8z` }));
    const size = word.endsWith("b") ? 12 : 11, text = fitted(texts, Math.min(this.width - NUMBERS - 8, Math.max(Math.abs(end - from) - 12, 150)), size);
    const half = wide(text, size) / 2;
    // a text that is wider than its arrow does not cross the lifeline of the stream
    const stream = this.drawn.lanes[target].kind === "stream" ? end : from, off = Math.max(Math.abs(end - from) / 2, half + 10);
    const x = Math.max(NUMBERS + half, Math.min(stream + (stream === end ? -to : to) * off, this.width - half - 4));
    parts.push(shape("text", { class: `halo mid ${word}`, x, y: y - 7 }, text));
  }

  dot(parts, { y, lane, colour, text, side }) {
    const x = this.x[lane];
    parts.push(shape("circle", { cx: x, cy: y, r: 7, fill: kind(colour) }));
    parts.push(shape("text", { class: `halo b${side < 0 ? " end" : ""}`, x: x + 14 * side, y: y + 4 }, text));
  }

  glyph(parts, { y, lane, gate }) {
    parts.push(shape("path", { class: `hollow ${GLYPHS[gate] ? gate : "none"}`, transform: `translate(${this.x[lane] - 6} ${y - 6})`, d: GLYPHS[gate] || GLYPHS.refused }));
  }

  thread(parts, { y, lane, to, side, texts }) {
    const near = this.x[lane] + 10 * side, bulge = Math.max(24, Math.min(54, this.gap * 0.3)), far = this.x[lane] + bulge * side;
    parts.push(shape("path", { class: "why", d: `M${near} ${y}C${far} ${y - 6} ${far} ${to + 18} ${near} ${to + 8}` }));
    const x = this.x[lane] + (bulge - 4) * side, room = side < 0 ? x - 4 : this.width - x - 4;
    parts.push(shape("text", { class: `halo t-conflict${side < 0 ? " end" : ""}`, x, y: y - 12 }, fitted(texts, room)));
  }

  aside(parts, { y, lane, texts }) {
    const text = fitted(texts, 180), half = wide(text) / 2;
    const x = Math.max(NUMBERS + half, Math.min(this.x[lane], this.width - half - 4));
    parts.push(shape("text", { class: "halo mu mid", x, y: y + 4 }, text));
  }

  next(parts, step, number, y) {
    const name = step.slice(0, step.lastIndexOf(".")), lane = this.drawn.lanes.findIndex((one) => one.kind === "writer" && one.texts[1] === name);
    const text = `next: ${step}`, room = wide(text) + 16, x = Math.max(2, Math.min(this.x[lane] - room / 2, this.width - room - 2));
    parts.push(shape("rect", { class: "next", x, y, width: room, height: 22, rx: 3 }));
    parts.push(shape("text", { class: "mid t-acc", x: x + room / 2, y: y + 15 }, text));
    parts.push(shape("text", { class: "mu", x: 4, y: y + 15 }, String(number + 1)));
  }
}

// --- one order in time, as a small picture ----------------------------------------------------------------------------

function small(row, type) {
  const across = 190, gap = across / Math.max(1, row.steps - 1), high = 22 * row.lanes.length;
  const at = (step) => 34 + (step - 1) * gap, y = (lane) => 11 + 22 * lane;
  const svg = shape("svg", { width: 262, height: high, viewBox: `0 0 262 ${high}`, role: "img", "aria-label": row.order });
  for (const [begin, end, one, other] of row.both) svg.append(shape("rect", { class: "both", x: at(begin), y: y(one) + 4, width: at(end) - at(begin), height: y(other) - y(one) - 8 }));
  row.lanes.forEach((lane, n) => {
    const [begin, end] = lane.holds;
    svg.append(shape("path", { class: "grid", d: `M20 ${y(n)}H${at(row.steps)}` }));
    svg.append(shape("text", { class: "b", x: 2, y: y(n) + 4 }, lane.name.length > 3 ? `${lane.name.slice(0, 2)}…` : lane.name));
    if (end) svg.append(shape("rect", { class: "hold", x: at(begin), y: y(n) - 4, width: Math.max(0, at(end) - at(begin)), height: 8 }));
    for (const step of lane.reads) svg.append(shape("circle", { class: "rd", cx: at(step), cy: y(n), r: 4 }));
    lane.marks.forEach(([step, tone, version, number], place) => {
      const x = at(step), last = place === lane.marks.length - 1;
      if (tone === "accepted" && number) svg.append(shape("circle", { cx: x, cy: y(n), r: 6, fill: kind(number) }));
      else if (tone === "waits") svg.append(shape("circle", { class: "rd", cx: x, cy: y(n), r: 3 }));
      else if (tone === "accepted") svg.append(shape("path", { class: "hollow accepted", style: "fill:none", transform: `translate(${x - 6} ${y(n) - 6})`, d: GLYPHS.accepted }));
      else svg.append(shape("path", { class: `hollow ${GLYPHS[tone] ? tone : "none"}`, transform: `translate(${x - 6} ${y(n) - 6})`, d: GLYPHS[tone] || GLYPHS.refused }));
      if (!last) return;
      const good = tone === "accepted";
      svg.append(shape("text", { class: good ? "mu" : tone === "conflict" ? "t-conflict" : "mu", x: x + 11, y: y(n) + 4 }, good ? (number ? version : "") : "✗"));
    });
  });
  return svg;
}

// --- the widget -------------------------------------------------------------------------------------------------------

class Board {
  constructor(model, el) {
    this.model = model;
    this.queue = [];
    this.section = node("section", { class: "fl race" });
    el.append(this.section);
    this.names = ["data", "value", "picked", "listing", "orders", "fault"].map((name) => `change:${name}`);
    this.changed = () => this.update();
    for (const name of this.names) model.on(name, this.changed);
    this.section.addEventListener("keydown", (event) => this.key(event));
    this.update();
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.section);
  }

  leave() {
    this.pause();
    this.watch.disconnect();
    for (const name of this.names) this.model.off(name, this.changed);
  }

  get live() { return Boolean(this.model.get("live")); }

  get tokens() { return (this.model.get("value") || "").split(" ").filter(Boolean); }

  // How many steps of the order that is shown were taken; null as long as Python plays another one.
  get at() {
    const { tokens } = this, { steps, frames } = this.model.get("data");
    return tokens.length < frames.length && tokens.every((step, n) => step === steps[n]) ? tokens.length : null;
  }

  // --- from the model ---

  update() {
    const data = this.model.get("data"), focused = this.section.querySelector(":focus")?.dataset.key;
    if (data !== this.data) this.build(data);
    const { at } = this;
    this.section.setAttribute("aria-busy", String(at === null && !this.model.get("fault")));
    if (at !== null) this.place = at;
    this.step();
    this.every();
    if (focused && !this.section.querySelector(":focus")) {
      const again = [...this.section.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused && !one.disabled);
      (again || this.seq).focus({ preventScroll: true });
    }
    if (at !== null && this.queue.length) this.queue.shift()();
  }

  build(data) {
    const first = !this.data;
    this.data = data;
    this.place = Math.min(this.place || 0, data.frames.length - 1);
    this.section.setAttribute("aria-label", `Race on ${data.title}`);
    if (first) {
      this.head = node("header", { class: "fl-head" });
      this.bar = node("div", { class: "bar", role: "toolbar", "aria-label": "Steps" });
      this.seq = node("div", { class: "fl-pad seq", tabindex: 0, "data-key": "seq", role: "group", "aria-label": "Diagram" });
      this.readings = node("div", { class: "fl-pad" });
      this.log = node("div", { class: "fl-pad" });
      this.note = node("div", { class: "note", "aria-live": "polite", "aria-atomic": "true" });
      this.foot = node("footer", { class: "fl-foot" });
      this.list = node("div", { class: "every" });
      this.list.hidden = true;
      this.section.replaceChildren(this.head, this.bar, node("div", { class: "fl-cols" }, this.seq, node("div", { class: "side" }, this.readings, this.log, this.note)), this.list, this.foot);
    }
    this.drawSequence();
    this.keys();
  }

  drawSequence() {
    const room = (this.seq.clientWidth || 590) - 24;
    this.sequence = new Sequence(this.data, room);
    this.seq.replaceChildren(this.sequence.svg);
  }

  resized() {
    if (!this.section.clientWidth || this.section.clientWidth === this.width) return;
    this.width = this.section.clientWidth;
    this.drawSequence();
    this.step();
  }

  keys() {
    const key = (text) => node("kbd", {}, text), letters = this.data.writers.map(({ key: letter }) => letter).filter(Boolean);
    const parts = [key("→"), " step ", key("←"), " back ", ...letters.flatMap((letter) => [key(letter), " "]), "that writer’s next ", key("R"), " reset. "];
    const told = this.live ? "" : "Any other order needs a running kernel. ";
    this.foot.replaceChildren(...parts, `${told}${this.data.foot}`);
  }

  // --- a step ---

  step() {
    const { data, place } = this, frame = data.frames[place];
    this.drawHead();
    this.drawBar(frame);
    const bottom = this.sequence.at(place, this.label(place));
    if (bottom > this.seq.scrollTop + this.seq.clientHeight - 16 || bottom < this.seq.scrollTop) this.seq.scrollTop = bottom - this.seq.clientHeight + 24;
    this.drawReadings(frame);
    this.drawLog(frame);
    this.drawNote(frame);
  }

  label(place) {
    const told = this.data.frames.slice(1, place + 1).map(({ note }, n) => `${n + 1}: ${note.headline}`);
    return [this.data.story, ...(told.length ? told : [this.data.frames[0].note.headline])].join(" ");
  }

  drawHead() {
    const { data, place } = this, order = data.steps.slice(0, place).join(" "), open = Boolean(this.model.get("listing"));
    const title = node("h3", { class: "fl-title jp-toc-ignore" }, "Race on ", node("span", { class: "mono" }, data.title));
    const parts = [title, node("span", { class: "muted order", title: order }, order ? `order: ${order}` : "no step yet"), node("span", { class: "grow" })];
    if (!data.guard) parts.push(node("span", { class: "off" }, "guard off"));
    if (this.live || this.model.get("orders").rows || this.model.get("orders").too_many) {
      const button = this.button(`${data.orders} ${open ? "▴" : "▾"}`, "orders", () => this.set({ listing: !this.model.get("listing") }));
      button.setAttribute("aria-expanded", String(open));
      parts.push(button);
    }
    this.fill(this.head, parts);
  }

  drawBar(frame) {
    const { data, place } = this, next = data.steps[place], last = data.frames.length - 1;
    const writers = data.writers.map((writer, n) => node("span", { class: "who", role: "group", "aria-label": `writer ${writer.shown}` },
      node("b", { title: writer.shown }, writer.shown), ...frame.next[n].map(([action, can]) => {
        const step = `${writer.name}.${action}`, made = this.button(action, step, () => this.take(step));
        made.disabled = !(can && (this.live || step === next));
        made.setAttribute("aria-label", `${writer.shown} ${action}`);
        if (step === next) made.classList.add("main");
        return made;
      })));
    const back = this.button("◀ back", "back", () => this.go(this.place - 1)), all = this.button("all", "all", () => this.all()), reset = this.button("reset", "reset", () => this.go(0));
    back.disabled = reset.disabled = place === 0;
    all.disabled = place === last;
    this.fill(this.bar, [...writers, node("span", { class: "steer" }, node("span", { class: "muted" }, data.step_of[place]), back, all, reset)]);
  }

  // New content in an old place; the focus stays with what has the same key.
  fill(place, parts) {
    const focused = place.querySelector(":focus")?.dataset.key;
    place.replaceChildren(...parts);
    if (!focused) return;
    const again = [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused);
    (again && !again.disabled ? again : this.seq).focus({ preventScroll: true });
  }

  button(text, key, act) {
    const made = node("button", { class: "fl-btn", type: "button", "data-key": key }, text);
    made.addEventListener("click", () => { this.pause(); act(); });
    return made;
  }

  drawReadings({ readings }) {
    const { data } = this, several = data.streams.length > 1;
    const heads = [["writer", ""], ...(several ? [["stream", ""]] : []), ["saw", "num"], ...(data.field ? [[data.field, "num fld"]] : []), ["is now", ""]];
    const rows = readings.map((one) => node("tr", {}, node("td", { class: "by", title: one.writer }, node("b", {}, one.writer)), several ? node("td", { class: "mono" }, one.stream) : null,
      node("td", { class: "num mono" }, one.saw), data.field ? node("td", { class: "num" }, one.figure) : null, node("td", { class: "nw" }, outcome(...one.now))));
    this.readings.replaceChildren(node("p", { class: "fl-cap" }, "Readings"), this.table("Readings", heads, rows, several ? "several" : ""));
  }

  table(label, heads, rows, kind = "") {
    const top = heads.length ? node("thead", {}, node("tr", {}, ...heads.map(([text, side]) => node("th", { class: side || null, scope: "col", title: side.includes("fld") ? text : null }, text)))) : null;
    return node("div", { class: `fl-scroll ${kind}`.trim() }, node("table", { "aria-label": label }, top, node("tbody", {}, ...rows)));
  }

  drawLog({ log }) {
    const several = this.data.streams.length > 1, groups = [];
    for (const row of log) {
      if (row.left !== undefined) groups.push({ stream: row.stream, left: row.left, empty: row.empty, rows: [] });
      groups[groups.length - 1].rows.push(row);
    }
    this.log.replaceChildren(...groups.flatMap(({ stream, left, empty, rows }) => [
      node("p", { class: "fl-cap cap" }, node("span", {}, several ? `Log of ${stream}` : "Log"), node("span", {}, empty || (left ? `… ${left} earlier` : ""))),
      this.table(`Log of ${stream}`, [], rows.map((row) => this.event(row))),
    ]));
  }

  event(row) {
    if (row.free || row.empty) return node("tr", { class: "free", "aria-hidden": "true" }, node("td", { colspan: 4 }));
    const dot = shape("svg", { class: "dot", viewBox: "0 0 8 8", "aria-hidden": "true" });
    dot.append(shape("circle", { cx: 4, cy: 4, r: 4, fill: kind(row.type) }));
    return node("tr", { class: row.writer ? "new" : null, title: row.whole }, node("td", { class: "num mono" }, row.version), node("td", { class: "cut" }, dot, row.event),
      node("td", { class: "num cut" }, row.told), node("td", { class: "by" }, row.writer ? node("b", { title: row.writer }, row.writer) : ""));
  }

  drawNote(frame) {
    const { data, place } = this, parts = [], fault = this.model.get("fault");
    for (const told of [fault, place === data.frames.length - 1 ? data.broke : ""]) if (told) parts.push(node("div", { class: "fl-note" }, node("p", {}, node("b", {}, told))));
    const { tone, headline, reasons } = frame.note, told = place === 0 && data.began ? data.began : headline;
    const mark = tone ? node("span", { class: `o ${tone}` }, glyph(tone === "accepted" ? "accepted" : "refused")) : null;
    const lines = reasons.map(([gate, word, why]) => node("p", { class: "why" }, node("span", { class: `o ${gate}` }, glyph(gate), word), " ", node("span", {}, why)));
    parts.push(node("div", { class: `fl-note ${tone}` }, node("p", {}, mark, node("b", {}, told)), ...lines));
    const text = parts.map((part) => part.textContent).join("\n");
    if (text === this.noted) return; // said once
    this.noted = text;
    this.note.setAttribute("aria-live", this.playing && place < data.frames.length - 1 ? "off" : tone && tone !== "accepted" ? "assertive" : "polite");
    this.note.replaceChildren(...parts);
  }

  // --- every order ---

  every() {
    const open = Boolean(this.model.get("listing")), orders = this.model.get("orders") || {};
    this.list.hidden = !open;
    if (!open) return;
    if (orders === this.listed && this.list.firstChild) return this.choose();
    this.listed = orders;
    this.denied = false;
    this.redrawOrders();
  }

  redrawOrders() {
    const orders = this.listed;
    if (orders.too_many) return this.list.replaceChildren(node("div", { class: "fl-pad" }, `${orders.too_many} `, node("span", { class: "mono" }, orders.way)));
    if (!orders.rows) {
      const told = node("div", { class: "fl-pad muted" }, orders.running || `Running ${this.data.orders}, with the guard on and off`, " …");
      return this.list.replaceChildren(told, node("div", { class: "work", style: `width:${100 * (orders.share || 0)}%` }));
    }
    const filters = orders.filters.map((text, n) => {
      const made = this.button(text, `filter ${n}`, () => { this.denied = n === 1; this.redrawOrders(); });
      if (this.denied === (n === 1)) made.classList.add("on");
      made.setAttribute("aria-pressed", String(this.denied === (n === 1)));
      return made;
    });
    const bar = node("div", { class: "bar" }, node("b", {}, "Every order"), node("span", { class: "muted" }, orders.title), node("span", { class: "steer" }, ...filters));
    this.rows = orders.rows.filter((row) => !this.denied || row.denied);
    const heads = ["#", "order in time →", ...orders.heads], last = heads.length - 2;
    const top = node("tr", {}, ...heads.map((text, n) => node("th", { scope: "col", class: n === 0 || n === last ? "num" : null }, text)));
    this.marked = this.rows.map((row) => this.order(row));
    const table = node("table", { role: "grid", "aria-label": "Orders" }, node("thead", {}, top), node("tbody", {}, ...this.marked));
    const region = node("div", { class: `fl-scroll list${this.live ? "" : " still"}`, role: "region", tabindex: 0, "data-key": "list", "aria-label": "Every order" }, table);
    const told = node("div", { class: "told" }, ...orders.sentence.map(([text, strong]) => (strong ? node("b", {}, text) : text)));
    this.fill(this.list, [bar, region, told]);
    this.choose();
  }

  order(row) {
    const fates = row.fates.map(([tone, word]) => node("td", {}, outcome(tone, word)));
    const after = node("td", { class: "num" }, row.held ? row.after || "yes" : outcome("state", `${row.after || "no"}, broken`));
    const made = node("tr", { tabindex: -1, "data-key": `order ${row.n}` }, node("td", { class: "num mono" }, row.n), node("td", { class: "pic" }, small(row)), ...fates, after,
      node("td", {}, outcome(...row.off)));
    if (this.live) made.addEventListener("click", () => this.pick(row));
    return made;
  }

  // Which row is watched, or played just now.
  choose() {
    if (!this.rows) return;
    const steps = this.data.steps.join(" "), picked = this.model.get("picked");
    const chosen = this.rows.findIndex(({ order }) => (picked ? order === picked : `${steps} `.startsWith(`${order} `)));
    this.marked.forEach((row, n) => {
      row.classList.toggle("sel", n === chosen);
      row.setAttribute("aria-selected", String(n === chosen));
      row.tabIndex = n === Math.max(0, chosen) ? 0 : -1;
    });
  }

  pick(row) {
    this.pause();
    this.queue = [];
    this.set({ picked: row.order, value: "" });
    this.then(() => this.play());
  }

  // --- what the reader does ---

  set(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    this.model.save_changes();
  }

  // Now, or as soon as Python has played what was asked for before.
  then(act) { if (this.at === null || this.waits()) this.queue.push(act); else act(); }

  // A picked order is not shown yet.
  waits() {
    const picked = this.model.get("picked");
    return Boolean(picked) && !`${this.data.steps.join(" ")} `.startsWith(`${picked} `) && !this.data.broke && !this.model.get("fault");
  }

  go(place) {
    if (this.at === null) return void this.queue.push(() => this.go(place));
    const there = Math.min(this.data.frames.length - 1, Math.max(0, place));
    if (there !== this.at) this.set({ value: this.data.steps.slice(0, there).join(" ") });
  }

  take(step) {
    if (this.at === null) return void this.queue.push(() => this.take(step));
    if (step === this.data.steps[this.at]) this.go(this.at + 1);
    else if (this.live) this.set({ value: [...this.tokens, step].join(" ") });
  }

  // The next step of a writer: who was denied tries again first.
  turn(n) {
    if (this.at === null) return void this.queue.push(() => this.turn(n));
    const can = this.data.frames[this.at].next[n].filter(([, able]) => able).map(([action]) => action);
    if (can.length) this.take(`${this.data.writers[n].name}.${can.includes("retry") ? "retry" : can[0]}`);
  }

  all() { this.then(() => this.go(this.data.frames.length - 1)); }

  play() {
    this.pause();
    this.playing = setInterval(() => {
      this.go(this.place + 1);
      if (this.place >= this.data.frames.length - 1) this.pause();
    }, PACE);
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
  }

  row(by) {
    const now = this.marked?.indexOf(document.activeElement) ?? -1;
    if (now < 0) return false;
    const there = this.marked[Math.min(this.marked.length - 1, Math.max(0, now + by))];
    there.focus();
    return true;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
    event.stopPropagation(); // no key that is pressed here is a command of the notebook
    const row = this.marked?.indexOf(event.target) ?? -1;
    const acts = {
      ArrowRight: () => this.then(() => this.go(this.at + 1)), ArrowLeft: () => this.then(() => this.go(this.at - 1)),
      Home: () => this.go(0), End: () => this.all(), R: () => this.go(0),
    };
    this.data.writers.forEach(({ key }, n) => { if (key) acts[key] = () => this.turn(n); });
    if (row >= 0) {
      Object.assign(acts, { ArrowDown: () => this.row(1), ArrowUp: () => this.row(-1) });
      if (this.live) acts.Enter = acts[" "] = () => this.pick(this.rows[row]);
    }
    if (this.model.get("listing")) acts.Escape = () => { this.set({ listing: false }); this.seq.focus({ preventScroll: true }); };
    const act = acts[event.key.length === 1 ? event.key.toUpperCase() : event.key];
    if (!act) return;
    event.preventDefault();
    this.pause();
    act();
  }
}

export default {
  render({ model, el }) {
    const view = new Board(model, el);
    return () => view.leave();
  },
};
