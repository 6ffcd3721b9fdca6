// The replay scrubber: draws what Python has written out, and moves a cursor over it. A step is a search in sorted
// lists, so it needs no kernel; only a what-if does, because Python folds it.

const SVG = "http://www.w3.org/2000/svg";
const ROW = 28, ROWS = 12, SPARE = 6; // of the list, in pixels and rows
const TOUCHING = 4; // pixels between marks below which they are drawn as one bar
const LETTER = 6.4; // pixels of a figure beside an axis
const TOLD = 3; // fields that moved, in a sentence
const GLYPHS = {
  first: "M10.5 1.5v9L4 6zM1.5 1.5H3v9H1.5z", back: "M9 1v10L2 6z", play: "M3 1v10l7-5z",
  pause: "M2.5 1.5h2.5v9H2.5zM7 1.5h2.5v9H7z", forward: "M3 1v10l7-5z", last: "M1.5 1.5v9L8 6zM9 1.5h1.5v9H9z",
};

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function shape(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

function icon(name) {
  const made = shape("svg", { class: "ic", viewBox: "0 0 12 12", "aria-hidden": "true" });
  made.append(shape("path", { d: GLYPHS[name] }));
  return made;
}

// --- what the data says of a place; `funes_lab.widgets.scrubber_words` says the same for the picture ----------------

function found(field, place) {
  let low = 0, high = field.at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (field.at[middle] <= place) low = middle + 1; else high = middle;
  }
  return low - 1;
}

class Story {
  constructor(data, other) {
    this.data = data;
    this.other = other && other.fields ? other : null;
    this.length = data.versions ? data.versions.length : 0;
    this.fields = new Map((data.fields || []).map((field) => [field.name, field]));
    this.others = new Map((this.other?.fields || []).map((field) => [field.name, field]));
    this.places = new Map((data.versions || []).map((version, n) => [version, n + 1]));
    this.skipped = new Set(this.other?.places || []);
  }

  isOther(place) { return this.other !== null && place > this.other.base; }

  end(place) { return (this.isOther(place) ? this.other : this.data).end; }

  fault(place) { return (this.isOther(place) ? this.other : this.data).faults[place] || ""; }

  version(place) { return this.data.named.length ? this.data.named[place - 1] : String(this.data.versions[place - 1]); }

  type(place) { return this.data.types[this.data.type[place - 1]]; }

  day(place, whole = true) {
    const clock = this.data.clock.length ? this.data.clock[place - 1] : "";
    return `${this.data.days[this.data.day[place - 1]][whole ? 1 : 0]} ${clock}`.trimEnd();
  }

  payload(place) { return (this.data.payloads.length ? this.data.payloads : this.data.figures)[place - 1]; }

  title(place) {
    const payload = this.payload(place);
    return `Version ${this.version(place)}, ${this.type(place)}${payload ? " " : ""}${payload} on ${this.day(place)}`;
  }

  // The text of a field after an event, whether the event moved it, and the whole of it if it was cut.
  value(name, place, other = this.isOther(place)) {
    const field = (other ? this.others : this.fields).get(name);
    if (!field) return { text: "–", moved: false, whole: "–" };
    const there = other ? place - this.other.base : place;
    const at = found(field, there);
    const number = field.number ? field.number[at] : null;
    return { text: field.text[at], moved: at > 0 && field.at[at] === there, whole: field.whole?.[at] || field.text[at], number };
  }

  lines(place) {
    if (place > this.end(place)) return [];
    const other = this.isOther(place);
    return [...(other ? this.others : this.fields).values()].map((field) => {
      const before = this.value(field.name, place - 1), after = this.value(field.name, place);
      let recorded = "";
      if (other && this.fields.has(field.name) && place <= this.data.end) {
        const there = this.value(field.name, place, false);
        recorded = there.text === after.text ? "same" : there.text;
      }
      return { name: field.name, before, after, moved: after.moved, recorded, number: Boolean(field.number) };
    });
  }

  sentence(place, field) {
    const pieces = [[`${this.title(place)}: `, false]];
    if (place > this.end(place)) return [...pieces, [`${this.noState(place)}.`, false]];
    if (this.fault(place)) return [...pieces, ["the replay failed here", true], [". The states before it stand.", false]];
    pieces.push([this.skipped.has(place) ? "skipped, the state stays as it was" : this.movedFields(place), true]);
    const gaps = this.isOther(place) ? this.other.gaps[field] : null;
    const gap = gaps ? gaps.text[found(gaps, place - this.other.base)] : "";
    return [...pieces, [gap ? `. Without ${this.other.without} ${field} is ${gap}.` : ".", false]];
  }

  noState(place) { return `no state, the replay failed at version ${(this.isOther(place) ? this.other : this.data).stopped}`; }

  movedFields(place) {
    const moved = this.lines(place).filter((line) => line.moved);
    if (!moved.length) return "no field changed";
    const told = moved.slice(0, TOLD).map((line) => `${line.name} ${line.before.text} → ${line.after.text}`).join(", ");
    const more = moved.length - TOLD;
    return told + (more > 0 ? ` and ${more} more field${more === 1 ? "" : "s"}` : "");
  }
}

// --- the line of a field ----------------------------------------------------------------------------------------

class Chart {
  constructor(story, name, width, height) {
    Object.assign(this, { story, name, width, height });
    this.axis = (story.other || story.data).axes[name];
    this.left = 12 + LETTER * Math.max(...this.axis.ticks.map(([, text]) => text.length));
    const ends = [story.value(name, story.data.end, false).text];
    if (story.other) ends.push(story.value(name, story.other.end).text);
    this.right = Math.max(this.left + 40, width - 14 - LETTER * Math.max(...ends.map((text) => text.length)));
    this.svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    this.still();
    this.moving = shape("g");
    this.svg.append(this.moving);
  }

  x(place) { return this.left + ((place - 1) * (this.right - this.left)) / (this.story.length - 0.5); }

  y(value) { return this.height - 22 - ((value - this.axis.lo) / (this.axis.hi - this.axis.lo)) * (this.height - 36); }

  still() {
    for (const [value, text] of this.axis.ticks) {
      const y = this.y(value);
      this.svg.append(shape("path", { class: "grid", d: `M${this.left} ${y}H${this.right}` }));
      this.svg.append(shape("text", { class: "mu end", x: this.left - 8, y: y + 4 }, text));
    }
    const { fields, others, other, data } = this.story, field = fields.get(this.name);
    if (!field?.number) return;
    this.svg.append(shape("path", { class: other ? "ref" : "line", d: this.path(field, 0, 1, data.end) }));
    if (!other) return;
    // solid as long as nothing is skipped
    if (other.base > 0) this.svg.append(shape("path", { class: "line", d: this.path(field, 0, 1, Math.min(other.base, data.end), true) }));
    const beside = others.get(this.name);
    if (!beside?.number) return;
    this.svg.append(shape("path", { class: "line whatif", d: this.path(beside, other.base, Math.max(1, other.base), other.end) }));
    if (this.story.skipped.size * TOUCHING * 2 > this.right - this.left) return;
    for (const place of this.story.skipped) this.cross(place);
  }

  cross(place) {
    const value = place <= this.story.other.end ? this.story.value(this.name, place).number : null;
    if (value === null || value === undefined) return;
    const d = `M${this.x(place) - 4} ${this.y(value) - 4}l8 8m0-8l-8 8`;
    this.svg.append(shape("path", { class: "cross", d }));
  }

  // A staircase; where several steps share a column of pixels, their lowest and highest.
  path(field, base, from, to, short = false) {
    const { at, number } = field, parts = [], round = (figure) => Math.round(figure * 10) / 10;
    let pen = false, column = -1, low = 0, high = 0, last = 0;
    const flush = () => { if (low !== high) parts.push(`V${round(low)}V${round(high)}V${round(last)}`); };
    for (let n = Math.max(0, found(field, from - base)); n < at.length && at[n] + base <= to; n++) {
      const x = this.x(Math.max(at[n] + base, from)), y = number[n] === null ? null : this.y(number[n]);
      if (y === null) {
        if (pen) { flush(); parts.push(`H${round(x)}`); }
        pen = false;
      } else if (pen && Math.floor(x) === column) {
        low = Math.min(low, y); high = Math.max(high, y); last = y;
      } else {
        if (pen) flush();
        parts.push(pen ? `H${round(x)}V${round(y)}` : `M${round(x)} ${round(y)}`);
        pen = true; column = Math.floor(x); low = high = last = y;
      }
    }
    if (pen) { flush(); parts.push(`H${round(this.x(short ? to : Math.min(to + 1, this.story.length + 0.5)))}`); }
    return parts.join("");
  }

  figures() {
    const every = Math.max(1, Math.ceil((LETTER * this.story.version(this.story.length).length + 14) / ((this.right - this.left) / this.story.length)));
    const made = [];
    for (let place = 1; place <= this.story.length; place += every) made.push(place);
    return made;
  }

  move(place) {
    const { story, moving } = this, x = this.x(place), parts = [];
    const own = story.version(place), room = LETTER * own.length + 12;
    for (const other of this.figures()) {
      if (Math.abs(this.x(other) - x) >= Math.min(room, this.right - this.left)) parts.push(shape("text", { class: "mu mid", x: this.x(other), y: this.height - 4 }, story.version(other)));
    }
    parts.push(shape("text", { class: "b t-acc mid", x, y: this.height - 4 }, own));
    parts.push(shape("path", { class: "cur", d: `M${x} 8V${this.height - 20}` }));
    const told = this.points(place, x, parts);
    this.ends(x, parts, told);
    moving.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", this.label(place, told));
  }

  // The dots where the cursor crosses the lines, and their figures on its free side.
  points(place, x, parts) {
    const { story } = this, lines = [];
    const draw = (one, words, accent) => {
      if (typeof one.number === "number") lines.push({ y: this.y(one.number), text: `${one.text}${words}`, accent });
    };
    const what = story.isOther(place);
    if (place <= story.data.end) draw(story.value(this.name, place, false), what ? " as recorded" : "", !what);
    if (what && place <= story.other.end) draw(story.value(this.name, place), ` without ${story.other.without}`, true);
    if (lines.length === 2 && lines[0].y === lines[1].y) lines.shift();
    lines.sort((a, b) => a.y - b.y);
    const falls = this.falls(place), texts = [];
    lines.forEach((line, n) => {
      const room = 10 + LETTER * line.text.length;
      // the side where the line is not: above and right of one that falls
      line.right = falls === (n === 0) ? x + room <= this.width : x - room < this.left;
      const lowest = this.height - 26;
      const y = n === 0 ? Math.max(10, Math.min(line.y - 8, lowest - 14 * (lines.length - 1))) : Math.min(lowest, line.y + 16);
      texts.push(shape("text", { class: `halo ${line.accent ? "b t-acc" : "mu"}${line.right ? "" : " end"}`, x: line.right ? x + 10 : x - 10, y }, line.text));
    });
    for (const line of [...lines].sort((a, b) => a.accent - b.accent)) {
      parts.push(shape("circle", line.accent ? { class: "dot-now", cx: x, cy: line.y, r: 5 } : { class: "dot-then", cx: x, cy: line.y, r: 4 }));
    }
    parts.push(...texts);
    return lines;
  }

  // Whether the line leads down from here, or has come down to here.
  falls(place) {
    const [now, last, first] = [Math.min(place, this.story.data.end), this.story.data.end, 1].map((where) => this.story.value(this.name, where, false).number);
    if ([now, last, first].some((number) => typeof number !== "number")) return true;
    return last !== now ? last < now : first >= now;
  }

  // What the lines lead to, unless the cursor stands there.
  ends(x, parts, told) {
    const { story } = this, found = [];
    if (x + 12 + LETTER * Math.max(0, ...told.filter((line) => line.right).map((line) => line.text.length)) > this.right) return;
    for (const other of story.other ? [true, false] : [false]) {
      const end = (other ? story.other : story.data).end;
      const one = end === story.length ? story.value(this.name, end, other) : {};
      if (typeof one.number === "number") found.push({ text: one.text, y: this.y(one.number), accent: other || !story.other });
    }
    found.sort((a, b) => a.y - b.y);
    if (found.length === 2 && found[0].text === found[1].text) found.splice(found.findIndex((line) => !line.accent), 1);
    if (found.length === 2 && found[1].y - found[0].y < 12) found[1].y = found[0].y + 12;
    for (const line of found) parts.push(shape("text", { class: line.accent ? "t-acc" : "mu", x: this.right + 6, y: line.y + 4 }, line.text));
  }

  label(place, told) {
    const { story, name } = this, ends = `${story.value(name, 1, false).text} at version ${story.version(1)}, ${story.value(name, story.data.end, false).text} at version ${story.version(story.data.end || 1)}`;
    return `${name} by version: ${ends}; cursor at version ${story.version(place)}${told.length ? `: ${told.map((line) => line.text).join(", ")}` : ""}`;
  }
}

// --- the widget -------------------------------------------------------------------------------------------------

class Scrubber {
  constructor(model, el) {
    this.model = model;
    this.section = node("section", { class: "fl scrub" });
    el.append(this.section);
    this.names = ["data", "whatif", "value", "skipped", "fields", "fault"].map((name) => `change:${name}`);
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

  // --- from the model ---

  update() {
    const { model } = this, fields = model.get("fields") || [], focused = this.section.querySelector(":focus")?.dataset.key;
    const seen = [model.get("data"), model.get("whatif"), fields.join("\n"), model.get("fault"), String(model.get("skipped") || [])];
    if (!this.seen || seen.some((one, n) => one !== this.seen[n])) {
      const whole = !this.seen || this.seen[0] !== seen[0];
      this.seen = seen;
      this.story = new Story(model.get("data"), model.get("whatif"));
      this.live = Boolean(model.get("live"));
      this.fields = fields.filter((name) => (this.story.data.numeric || []).includes(name));
      if (whole) this.build(); else this.redraw();
    }
    if (this.story.length) this.step();
    if (focused && !this.section.querySelector(":focus")) {
      const again = [...this.section.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused);
      (again || this.slider)?.focus({ preventScroll: true });
    }
  }

  get place() { return this.story.places.get(this.model.get("value")) || this.story.length; }

  get skipped() { return this.model.get("skipped") || []; }

  build() {
    const { story } = this;
    this.pause();
    this.section.setAttribute("aria-label", `Replay of ${story.data.idx} with ${story.data.projection}`);
    this.head = node("header", { class: "fl-head" });
    this.note = node("div");
    this.foot = node("footer", { class: "fl-foot", "aria-live": "polite" });
    if (!story.length) {
      const empty = node("div", { class: "fl-pad muted" }, `${story.data.sentence} `, node("span", { class: "mono" }, story.data.way));
      this.section.replaceChildren(this.head, this.note, empty);
    } else {
      const columns = node("div", { class: "fl-cols" }, this.list(), this.panels());
      this.section.replaceChildren(this.head, this.bar(), this.note, columns, this.foot);
    }
    this.redraw();
  }

  // All but the list: whatever a what-if or the choice of fields changes.
  redraw() {
    const { story } = this;
    this.drawHead();
    const faults = [this.model.get("fault"), (story.other || story.data).broke].filter(Boolean);
    this.note.replaceChildren(...faults.map((text) => node("div", { class: "fl-note" }, node("div", {}, node("span", {}, text)))));
    if (!story.length) return;
    this.section.setAttribute("aria-busy", String(this.waiting()));
    this.drawTrack();
    this.rows.forEach((row) => row.remove());
    this.rows.clear();
    this.drawCharts();
  }

  waiting() { return this.live && String(this.story.other?.skipped || []) !== String(this.skipped); }

  drawHead() {
    const { data, other } = this.story, title = node("h3", { class: "fl-title mono jp-toc-ignore" }, data.idx);
    const parts = [title, node("span", { class: "muted" }, data.projection), node("span", { class: "grow" })];
    if (other) {
      parts.push(node("span", { class: "o chg" }, other.head));
      if (this.live) parts.push(this.button("Restore", "restore", () => this.restore()));
    } else if (data.events) parts.push(node("span", { class: "muted" }, data.events));
    this.head.replaceChildren(...parts);
  }

  button(text, key, act, glyph = null) {
    const made = node("button", { class: glyph && !text ? "fl-btn icon" : "fl-btn", type: "button", "data-key": key }, glyph ? icon(glyph) : "", text);
    made.addEventListener("click", act);
    return made;
  }

  bar() {
    const step = (label, key, by) => {
      const made = this.button("", key, () => this.go(by()), key);
      made.setAttribute("aria-label", label);
      return made;
    };
    this.player = this.button("play", "play", () => this.toggle(), "play");
    this.slider = node("div", { class: "track", role: "slider", tabindex: 0, "aria-label": "version", "data-key": "track" });
    this.slider.addEventListener("pointerdown", (event) => this.drag(event));
    this.knob = node("b");
    this.number = node("span", { class: "at" });
    return node("div", { class: "bar" },
      step("First event", "first", () => 1), step("Back", "back", () => this.place - 1), this.player,
      step("Forward", "forward", () => this.place + 1), step("Last event", "last", () => this.story.length), this.slider, this.number);
  }

  drawTrack() {
    const { story, slider } = this, width = this.slider.clientWidth || 400, close = width / Math.max(1, story.length - 1) < TOUCHING;
    const marks = ["cold", "hot"].map((name) => {
      const svg = shape("svg", { class: name, "aria-hidden": "true" });
      const ticks = [];
      for (let place = 1; !close && place <= story.length; place++) {
        if (!story.skipped.has(place)) ticks.push(shape("rect", { x: `${this.share(place)}%`, y: 0, width: 2, height: 10, transform: "translate(-1)" }));
      }
      svg.append(...(close ? [shape("rect", { x: 0, y: 0, width: "100%", height: 10 })] : ticks));
      return svg;
    });
    this.hot = marks[1];
    const crosses = [...story.skipped].map((place) => node("i", { style: `left:${this.share(place)}%` }));
    slider.replaceChildren(...marks, ...crosses, this.knob);
    slider.setAttribute("aria-valuemin", 1);
    slider.setAttribute("aria-valuemax", story.length);
  }

  share(place) { return this.story.length > 1 ? (100 * (place - 1)) / (this.story.length - 1) : 0; }

  // --- the list: only the rows that can be seen ---

  list() {
    const { data } = this.story, longest = (texts) => texts.reduce((most, text) => Math.max(most, text.length), 1);
    const days = longest(data.days.map(([short]) => short)) + (data.clock.length ? 6 : 0), room = (letters) => `${Math.ceil(letters * 6.8) + 2}px`;
    const figures = data.column ? `minmax(${room(Math.min(20, Math.max(longest(data.figures), data.column.length)))}, max-content)` : "minmax(0, 1.3fr)";
    const numbers = longest(data.named.length ? data.named : data.versions.map(String));
    const width = `${room(numbers + 1)} minmax(0, 1fr) ${figures} ${room(days)} 50px`;
    const head = ["#", "event", data.column || "payload", data.year || "day", ""];
    const titles = head.map((text, n) => node("span", { role: "columnheader", "aria-label": text ? null : "skip", class: n === 1 || (n === 2 && !data.column) ? "" : "num" }, text));
    this.spacer = node("div", { class: "ev-all", style: `height:${this.story.length * ROW}px`, role: "rowgroup" });
    this.scroller = node("div", { class: "ev-scroll", role: "presentation" }, this.spacer);
    this.scroller.style.minHeight = `${Math.min(ROWS, this.story.length) * ROW}px`;
    this.scroller.addEventListener("scroll", () => this.drawRows());
    this.rows = new Map();
    const top = node("div", { role: "rowgroup" }, node("div", { class: "ev-row ev-head", role: "row" }, ...titles));
    return node("div", { class: "ev", role: "grid", "aria-label": "Events", "aria-rowcount": this.story.length + 1, style: `--cols:${width}` }, top, this.scroller);
  }

  drawRows() {
    const { scroller, rows, story } = this, high = scroller.clientHeight || ROWS * ROW;
    const from = Math.max(1, Math.floor(scroller.scrollTop / ROW) - SPARE);
    const to = Math.min(story.length, Math.ceil((scroller.scrollTop + high) / ROW) + SPARE);
    for (const [place, row] of rows) if ((place < from || place > to) && place !== this.place) { row.remove(); rows.delete(place); }
    for (let place = from; place <= to; place++) if (!rows.has(place)) this.addRow(place);
    if (!rows.has(this.place)) this.addRow(this.place);
  }

  addRow(place) {
    const row = this.row(place), after = [...this.rows.keys()].filter((known) => known > place).sort((a, b) => a - b)[0];
    this.spacer.insertBefore(row, after ? this.rows.get(after) : null);
    this.rows.set(place, row);
  }

  row(place) {
    const { story } = this, { data } = story, is = this.skipped.includes(data.versions[place - 1]), kind = data.type[place - 1] + 1;
    const dot = shape("svg", { class: "dot", viewBox: "0 0 8 8", "aria-hidden": "true" });
    dot.append(shape("circle", { cx: 4, cy: 4, r: 4, fill: `var(--fl-${kind <= 8 ? `c${kind}` : "muted"})` }));
    const text = data.column ? data.figures[place - 1] : data.payloads[place - 1];
    const cells = [
      node("span", { role: "gridcell", class: "num mono" }, story.version(place)),
      node("span", { role: "gridcell", class: "cut", title: story.type(place) }, dot, node("span", { class: "n" }, data.short[kind - 1])),
      node("span", { role: "gridcell", class: data.column ? "num n" : "cut n", title: story.payload(place) }, text),
      node("span", { role: "gridcell", class: "num muted" }, story.day(place, false)),
      node("span", { role: "gridcell", class: "num act" }),
    ];
    const made = node("div", { class: `ev-row${is ? " skip" : ""}`, role: "row", "aria-rowindex": place + 1, tabindex: -1, style: `top:${(place - 1) * ROW}px` }, ...cells);
    made.addEventListener("click", () => this.go(place));
    this.act(made, place, is);
    return made;
  }

  // The last cell of a row: what can be done with the event, or what became of it.
  act(row, place, is) {
    const here = place === this.place, cell = row.lastChild;
    row.classList.toggle("sel", here);
    row.setAttribute("aria-selected", String(here));
    row.tabIndex = here ? 0 : -1;
    row.dataset.key = here ? "row" : "";
    if (this.live && (here || is)) {
      const button = node("button", { class: "lnk", type: "button", "aria-pressed": String(is), "aria-label": `skip event ${this.story.version(place)}`, tabindex: here ? 0 : -1, "data-key": here ? "skip" : null }, is ? "skipped" : "skip");
      button.addEventListener("click", (event) => { event.stopPropagation(); this.skip(place); });
      cell.replaceChildren(button);
    } else cell.replaceChildren(this.story.fault(place) ? node("b", {}, "failed") : is ? node("b", { class: "chg" }, "skipped") : "");
  }

  // --- chart and state ---

  panels() {
    this.charts = [];
    this.plots = node("div", { class: "plots" });
    this.caption = node("p", { class: "fl-cap" });
    this.table = node("tbody");
    this.thead = node("thead");
    const region = node("div", { class: "fl-scroll st-rows", role: "region", tabindex: 0, "aria-label": "State", "data-key": "state" }, node("table", {}, this.thead, this.table));
    return node("div", {}, this.plots, node("div", { class: "st" }, this.caption, region));
  }

  drawCharts() {
    const names = this.story.data.numeric, width = Math.max(260, (this.plots.clientWidth || 544) - 24);
    const choice = names.length > 1 ? [node("div", { class: "choice", role: "group", "aria-label": "Fields that are drawn" }, ...names.map((name) => this.chooser(name)))] : [];
    this.charts = this.story.data.end ? this.fields.map((name) => new Chart(this.story, name, width, this.fields.length > 1 ? 112 : 150)) : [];
    const drawn = this.charts.flatMap((chart) => (names.length > 1 && this.charts.length === 1 ? [chart.svg] : [node("p", { class: "fl-cap" }, chart.name), chart.svg]));
    this.plots.replaceChildren(...choice, ...drawn);
    this.plots.hidden = !names.length;
  }

  chooser(name) {
    const on = this.fields.includes(name), made = this.button(name, `field ${name}`, () => {
      const all = this.story.data.numeric;
      const next = on ? this.fields.filter((one) => one !== name) : all.filter((one) => one === name || this.fields.includes(one));
      this.set("fields", next);
    });
    made.classList.toggle("on", on);
    made.setAttribute("aria-pressed", String(on));
    return made;
  }

  resized() {
    if (!this.story.length || !this.section.clientWidth || this.section.clientWidth === this.width) return;
    this.width = this.section.clientWidth;
    this.drawTrack();
    this.drawCharts();
    this.step();
  }

  // --- a step ---

  step() {
    const { story, place } = this, share = this.share(place);
    this.hot.style.clipPath = `inset(0 ${100 - share}% 0 -1px)`;
    this.knob.style.left = `${share}%`;
    this.slider.setAttribute("aria-valuenow", place);
    this.slider.setAttribute("aria-valuetext", `version ${story.version(place)} of ${story.data.total}, ${story.type(place)}, ${story.day(place)}`);
    this.number.replaceChildren(node("b", {}, story.version(place)), " ", node("span", { class: "muted" }, `of ${story.data.total}`));
    this.select(place);
    this.charts.forEach((chart) => chart.move(place));
    this.state(place);
    const pieces = story.sentence(place, this.fields[0] || story.data.numeric[0] || "");
    this.foot.replaceChildren(...pieces.map(([text, strong]) => (strong ? node("b", {}, text) : text)), this.hint());
  }

  hint() {
    const told = [this.story.data.left, this.live ? "" : "Skipping an event needs a running kernel."].filter(Boolean).join(" ");
    return told ? node("span", { class: "left" }, ` ${told}`) : "";
  }

  select(place) {
    const { scroller } = this, top = (place - 1) * ROW, high = scroller.clientHeight || ROWS * ROW, inList = this.spacer.contains(document.activeElement);
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + high) scroller.scrollTop = top + ROW - high;
    this.drawRows();
    for (const [known, row] of this.rows) {
      if (known === place || row.classList.contains("sel")) this.act(row, known, this.skipped.includes(this.story.data.versions[known - 1]));
    }
    if (inList) this.rows.get(place).focus({ preventScroll: true });
  }

  state(place) {
    const { story } = this, lines = story.lines(place), beside = story.other !== null;
    this.caption.textContent = `State after version ${story.version(place)}`;
    const heads = [["", ""], ["field", ""], ["before", "num"], ["after", "num"], ...(beside ? [["as recorded", "num"]] : [])];
    this.thead.replaceChildren(node("tr", {}, ...heads.map(([text, kind]) => node(text ? "th" : "td", { class: kind }, text))));
    this.table.replaceChildren(...lines.map((line) => this.line(line, beside)));
    if (!lines.length) this.table.append(node("tr", {}, node("td", { colspan: heads.length, class: "muted" }, story.noState(place))));
  }

  line({ name, before, after, moved, recorded, number }, beside) {
    const kind = number ? "num nw" : "num cut";
    const mark = node("td", {}, moved ? node("span", { class: "chg", role: "img", "aria-label": "changed" }, "~") : "");
    return node("tr", { class: moved ? "changed" : null }, mark, node("td", { class: "mono" }, name),
      node("td", { class: `${kind}${moved ? " was" : ""}`, title: number ? null : before.whole }, before.text),
      node("td", { class: `${kind}${moved ? " now" : ""}`, title: number ? null : after.whole }, moved ? `→ ${after.text}` : after.text),
      beside ? node("td", { class: `${kind} muted`, title: number ? null : recorded }, recorded) : "");
  }

  // --- what the reader does ---

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  go(place) {
    const there = Math.min(this.story.length, Math.max(1, place));
    if (there !== this.place) this.set("value", this.story.data.versions[there - 1]);
  }

  drag(event) {
    const { slider } = this, to = (moved) => {
      const box = slider.getBoundingClientRect();
      this.go(1 + Math.round(((moved.clientX - box.left) / box.width) * (this.story.length - 1)));
    };
    slider.setPointerCapture(event.pointerId);
    slider.focus();
    slider.addEventListener("pointermove", to);
    slider.addEventListener("pointerup", () => slider.removeEventListener("pointermove", to), { once: true });
    to(event);
    event.preventDefault();
  }

  skip(place = this.place) {
    if (!this.live) return;
    const version = this.story.data.versions[place - 1], is = this.skipped.includes(version);
    this.set("skipped", is ? this.skipped.filter((one) => one !== version) : [...this.skipped, version].sort((a, b) => a - b));
  }

  restore() { if (this.live && this.skipped.length) this.set("skipped", []); }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  play() {
    const { length } = this.story, pace = Math.min(600, Math.max(50, 20000 / length)), by = Math.max(1, Math.round((length * pace) / 20000));
    if (this.place === length) this.go(1);
    this.foot.setAttribute("aria-live", "off");
    this.player.replaceChildren(icon("pause"), "pause");
    this.playing = setInterval(() => {
      this.go(this.place + by);
      if (this.place === this.story.length) this.pause();
    }, pace);
  }

  pause() {
    if (!this.playing) return;
    clearInterval(this.playing);
    this.playing = null;
    this.player.replaceChildren(icon("play"), "play");
    this.foot.setAttribute("aria-live", "polite");
    this.foot.append(""); // now the sentence may be announced
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
    event.stopPropagation(); // no key that is pressed here is a command of the notebook
    if (!this.story.length) return;
    const inState = event.target.closest?.(".st-rows"), onButton = event.target.tagName === "BUTTON";
    const by = event.target === this.slider ? -1 : 1; // up is more on a slider, and back in a list
    const acts = {
      ArrowRight: () => this.go(this.place + 1), ArrowLeft: () => this.go(this.place - 1),
      Home: () => this.go(1), End: () => this.go(this.story.length),
      PageDown: () => this.go(this.place + 10), PageUp: () => this.go(this.place - 10),
      s: () => this.skip(), r: () => this.restore(),
    };
    if (!inState) Object.assign(acts, { ArrowDown: () => this.go(this.place + by), ArrowUp: () => this.go(this.place - by) });
    if (!onButton) acts[" "] = () => this.toggle();
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

export default {
  render({ model, el }) {
    const view = new Scrubber(model, el);
    return () => view.leave();
  },
};
