// The picture of a branch: draws what Python has written out, and moves a cursor over both lines. A step is a search in
// sorted lists, so it needs no kernel.

const SVG = "http://www.w3.org/2000/svg";
const ROW = 28, ROWS = 10, SPARE = 6; // of the table, in pixels and rows
const LETTER = 6.4; // pixels of a figure beside an axis
const MARK = 10; // pixels that a mark takes; where they would touch they are drawn as bars
const TOUCHING = 4, MANY = "many values"; // boxes of a lane that are narrower are drawn as one
const LONG = 11, FIGURE = 14; // letters of a text in a column of figures, and of a figure beside the name of its event
const SHAPES = { interpretation: "M0 -5L5 4H-5Z" }, DIAMOND = "M0 -5L5 0L0 5L-5 0Z";
const CROSS = "M2 2l8 8M10 2l-8 8";
const LANES = [["log", 34], ["what-if", 76]], LANE = 26;

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

function cross() {
  const made = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
  made.append(shape("path", { d: CROSS }));
  return made;
}

// --- what the data says of a place; `funes_lab.widgets.branch.words` says the same for the picture -----------------

function found(runs, place) {
  let low = 0, high = runs.at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs.at[middle] <= place) low = middle + 1; else high = middle;
  }
  return low - 1;
}

class Story {
  constructor(data) {
    this.data = data;
    this.length = data.versions ? data.versions.length : 0;
    this.fields = new Map((data.fields || []).map((field) => [field.name, field]));
    this.parted = data.base < this.length;
  }

  point(field, place, branch) {
    const other = branch && place > this.data.base, runs = other ? field.branch : field.log;
    const at = found(runs, other ? place - this.data.base : place);
    return { text: runs.text[at], number: runs.number ? runs.number[at] : null, whole: runs.whole?.[at] || runs.text[at] };
  }

  said(field, place) {
    if (place > this.data.base) return field.said.text[found(field.said, place - this.data.base)];
    return `${this.point(field, place, false).text}, the same in both`;
  }

  line(field, place) {
    const gap = field.gap.text[found(field.gap, Math.max(0, place - this.data.base))];
    const differs = place > this.data.base && !this.said(field, place).endsWith("the same in both");
    return { name: field.name, log: this.point(field, place, false), whatIf: this.point(field, place, true), gap, differs, number: field.number };
  }

  version(place) { return this.data.named.length ? this.data.named[place - 1] : String(this.data.versions[place - 1]); }

  type(place) { return this.data.types[this.data.type[place - 1]]; }

  day(place) {
    const clock = this.data.clock.length ? this.data.clock[place - 1] : "";
    return `${this.data.days[this.data.day[place - 1]][1]} ${clock}`.trimEnd();
  }

  title(place) {
    const payload = this.data.payloads[place - 1], mark = this.data.changed[place]?.said || "";
    return `Version ${this.version(place)}, ${this.type(place)}${payload ? " " : ""}${payload} on ${this.day(place)}${mark}`;
  }

  sentence(place, name) {
    const field = this.fields.get(name), pieces = [];
    if (field && place === this.length && this.data.ends) {
      pieces.push([field.end[0], true]);
      if (field.end[1]) pieces.push([` ${field.end[1]}`, false]);
    } else if (field) pieces.push([`${this.title(place)}: `, false], [`${name} is ${this.said(field, place)}`, true], [".", false]);
    else pieces.push([`${this.title(place)}.`, false]);
    const problem = this.data.problems[place];
    return problem ? [...pieces, [` The branch's rules would refuse it, ${problem.text}.`, false]] : pieces;
  }
}

// --- the two lines ----------------------------------------------------------------------------------------------

class Chart {
  constructor(story, field, width) {
    Object.assign(this, { story, field, width, height: field.number ? 196 : 156 });
    const { data } = story;
    this.first = data.first;
    this.last = story.length;
    this.top = 22;
    // the last state in words wants room for them
    this.tail = field.number ? 0.5 : Math.max(0.5, 0.15 * (this.last - this.first));
    this.bottom = this.height - 34;
    if (field.number) {
      this.left = 12 + LETTER * Math.max(...field.axis.ticks.map(([, text]) => text.length));
      this.right = Math.max(this.left + 40, width - 12 - 1.15 * LETTER * Math.max(...this.ends().map((end) => end.text.length)));
    } else {
      this.left = 52;
      this.right = width - 2;
    }
    this.svg = shape("svg", { width, height: this.height, viewBox: `0 0 ${width} ${this.height}`, role: "img" });
    if (field.number) this.lines(); else LANES.forEach(([name, y]) => this.lane(name, y));
    this.fork();
    this.marks();
    this.moving = shape("g");
    this.svg.append(this.moving);
  }

  x(place) { return this.left + ((place - this.first) * (this.right - this.left)) / (this.last - this.first + this.tail); }

  y(value) { return this.bottom - ((value - this.field.axis.lo) / (this.field.axis.hi - this.field.axis.lo)) * (this.bottom - this.top); }

  place(x) { return Math.round(this.first + ((x - this.left) * (this.last - this.first + this.tail)) / (this.right - this.left)); }

  // What the lines lead to: "both" if they never part.
  ends() {
    const { story, field } = this, sides = story.parted ? [[false, "log"], [true, "what-if"]] : [[false, "both"]];
    return sides.map(([branch, name]) => {
      const point = story.point(field, this.last, branch);
      return { number: point.number, text: `${name} ${point.text}`, branch };
    });
  }

  lines() {
    const { story, field } = this;
    for (const [value, text] of field.axis.ticks) {
      const y = this.y(value);
      this.svg.append(shape("path", { class: "grid", d: `M${this.left} ${y}H${this.right}` }));
      this.svg.append(shape("text", { class: "mu end", x: this.left - 8, y: y + 4 }, text));
    }
    this.svg.append(shape("path", { class: "lg", d: this.path(field.log, 0) }));
    if (story.parted) this.svg.append(shape("path", { class: "line whatif", d: this.path(field.branch, story.data.base) }));
    const ends = this.ends().map((end) => ({ ...end, y: typeof end.number === "number" ? this.y(end.number) : this.bottom }));
    ends.sort((a, b) => a.y - b.y);
    if (ends.length > 1 && ends[1].y - ends[0].y > MARK) {
      this.svg.append(shape("path", { class: "gap", d: `M${this.right - 6} ${ends[0].y + 3}V${ends[1].y - 3}` }));
    }
    let lowest = -Infinity;
    for (const end of ends) {
      lowest = Math.max(end.y, lowest + 15);
      this.svg.append(shape("text", { class: `end-of${end.branch ? " t-acc" : ""}`, x: this.right + 6, y: lowest + 4 }, end.text));
    }
  }

  // A staircase; where several steps share a column of pixels, their lowest and highest.
  path({ at, number }, base) {
    if (!number) return "";
    const parts = [], round = (figure) => Math.round(figure * 10) / 10;
    let pen = false, column = -1, low = 0, high = 0, last = 0;
    const flush = () => { if (low !== high) parts.push(`V${round(low)}V${round(high)}V${round(last)}`); };
    for (let n = 0; n < at.length; n++) {
      if (n + 1 < at.length && at[n + 1] + base <= this.first) continue;
      const x = this.x(Math.max(at[n] + base, this.first)), y = number[n] === null ? null : this.y(number[n]);
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
    if (pen) { flush(); parts.push(`H${round(this.x(this.last + 0.5))}`); }
    return parts.join("");
  }

  // A field in words: a box for as long as it is the same.
  lane(name, y) {
    const { story, field } = this, branch = name === "what-if", base = branch ? story.data.base : 0, runs = branch ? field.branch : field.log;
    this.svg.append(shape("text", { class: `end b${branch ? " t-acc" : ""}`, x: this.left - 8, y: y + 17 }, name));
    if (branch && !story.parted) {
      this.svg.append(shape("text", { class: "mu", x: this.left, y: y + 17 }, "the same"));
      return;
    }
    for (const { x, end, text } of this.boxes(runs, base)) {
      const many = text === null, shown = many ? MANY : text, room = Math.floor((end - x - 12) / LETTER);
      this.svg.append(shape("rect", { class: `lane${branch ? " whatif" : ""}${many ? " many" : ""}`, x, y, width: end - x, height: LANE }));
      if (end - x > 24) this.svg.append(shape("text", { class: many ? "mu" : "", x: x + 6, y: y + 17 }, shown.length > room ? `${shown.slice(0, Math.max(0, room - 1))}…` : shown));
    }
  }

  // From where to where which value stood; null for many that would touch, in one box.
  boxes(runs, base) {
    const boxes = [];
    runs.at.forEach((at, n) => {
      const following = n + 1 < runs.at.length ? runs.at[n + 1] + base : this.last + this.tail;
      if (following <= this.first) return;
      const x = this.x(Math.max(at + base, this.first)), end = this.x(following), before = boxes[boxes.length - 1];
      if (end - x >= TOUCHING) boxes.push({ x, end, text: runs.text[n] });
      else if (before?.text === null) before.end = end;
      else boxes.push({ x, end, text: null });
    });
    return boxes;
  }

  heightOf(place, branch) {
    const { number } = this.story.point(this.field, place, branch);
    return typeof number === "number" ? this.y(number) : null;
  }

  fork() {
    const { data, parted } = this.story;
    if (!data.forked || data.base < this.first || !parted) return;
    const x = this.x(data.base), half = (LETTER * data.forked.length) / 2;
    this.svg.append(shape("path", { class: "axis whatif", d: `M${x} 16V${this.bottom + 4}` }));
    this.svg.append(shape("text", { class: "mu mid", x: Math.min(Math.max(x, half), this.width - half), y: 11 }, data.forked));
    const y = this.field.number ? this.heightOf(data.base, false) : 68;
    if (y !== null) this.svg.append(shape("circle", { class: "fork", cx: x, cy: y, r: 5 }));
  }

  // What was changed, under the lines, and what the rules would refuse, on the line of the branch.
  marks() {
    const { data } = this.story, close = (this.right - this.left) / Math.max(1, this.last) < MARK, drawn = new Set();
    for (const [place, mark] of Object.entries(data.changed)) {
      const x = this.x(Number(place));
      if (!close) this.svg.append(shape("text", { class: "b mid t-changed", x, y: this.bottom + 17 }, mark.glyph));
      else if (!drawn.has(Math.floor(x))) {
        drawn.add(Math.floor(x));
        this.svg.append(shape("rect", { class: "t-changed", x: Math.floor(x), y: this.bottom + 9, width: 1, height: 8 }));
      }
    }
    drawn.clear();
    for (const [place, problem] of Object.entries(data.problems)) {
      const x = this.x(Number(place)), y = this.field.number ? this.heightOf(Number(place), true) : 114;
      const spot = `${Math.floor(x / (close ? 4 : 1))} ${Math.floor(y)}`;
      if (y === null || drawn.has(spot)) continue;
      drawn.add(spot);
      const mark = shape("g", { class: problem.stage, transform: `translate(${x} ${y})` });
      mark.append(shape("path", { class: "mark", d: SHAPES[problem.stage] || DIAMOND }));
      this.svg.append(mark);
    }
  }

  move(place) {
    const { story, moving } = this, x = this.x(place), parts = [], own = story.version(place);
    const longest = Math.max(story.version(1).length, story.version(this.last).length, own.length), room = LETTER * longest + 14;
    const every = Math.max(1, Math.ceil((room * this.last) / (this.right - this.left)));
    for (let one = 1; one <= this.last; one += every) {
      if (Math.abs(this.x(one) - x) >= room - 2) parts.push(shape("text", { class: "mu mid", x: this.x(one), y: this.height - 4 }, story.version(one)));
    }
    parts.push(shape("text", { class: "b t-acc mid", x, y: this.height - 4 }, own));
    parts.push(shape("path", { class: "cur", d: `M${x} ${this.top - 2}V${this.bottom + 4}` }));
    for (const branch of this.field.number && !story.data.problems[place] ? [false, ...(story.parted ? [true] : [])] : []) {
      const y = this.heightOf(place, branch);
      if (y !== null) parts.push(shape("circle", { class: branch ? "dot-if" : "dot-log", cx: x, cy: y, r: 4 }));
    }
    moving.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", this.field.end.join(" ").trim() + (story.data.forked && story.parted ? ` The lines ${story.data.forked}.` : ""));
  }
}

// --- the whole --------------------------------------------------------------------------------------------------

class Branch {
  constructor(model, el) {
    this.model = model;
    this.section = node("section", { class: "fl branch" });
    this.section.addEventListener("keydown", (event) => this.key(event));
    el.append(this.section);
    this.build();
    this.heard = { "change:data": () => this.build(), "change:fault": () => this.build(), "change:value": () => this.step(), "change:field": () => this.turn() };
    for (const [name, call] of Object.entries(this.heard)) model.on(name, call);
    this.sized = new ResizeObserver(() => this.resized());
    this.sized.observe(this.section);
  }

  leave() {
    this.sized.disconnect();
    for (const [name, call] of Object.entries(this.heard)) this.model.off(name, call);
    this.section.remove();
  }

  get place() { return this.model.get("value"); }

  get field() { return this.story.fields.get(this.model.get("field")); }

  build() {
    const data = this.model.get("data"), fault = this.model.get("fault");
    this.story = new Story(data);
    this.section.setAttribute("aria-label", `Branch of ${data.idx} under ${data.projection}`);
    const head = node("header", { class: "fl-head" }, node("h3", { class: "fl-title mono jp-toc-ignore" }, data.idx),
      node("span", { class: "muted what", title: data.whole === data.changes ? null : data.whole }, data.changes),
      node("span", { class: "o chg" }, "what-if, not in the log"));
    const wrong = fault ? [node("div", { class: "fl-note plain", role: "alert" }, node("p", {}, node("b", {}, fault)))] : [];
    if (!this.story.length) {
      this.section.replaceChildren(head, ...wrong, node("div", { class: "fl-pad muted" }, data.sentence, " ", node("span", { class: "mono" }, data.way)));
      return;
    }
    this.foot = node("footer", { class: "fl-foot", "aria-live": "polite" });
    this.section.replaceChildren(head, ...wrong, node("div", { class: "fl-cols" }, this.panels(), this.side()), this.foot);
    this.width = this.section.clientWidth;
    this.turn();
  }

  // --- the lines and the state ---

  panels() {
    const names = [...this.story.fields.keys()];
    this.radios = names.map((name) => {
      const made = node("button", { class: "fl-btn", type: "button", role: "radio" }, name);
      made.addEventListener("click", () => this.set("field", name));
      return made;
    });
    const choice = names.length > 1 ? node("div", { class: "choice", role: "radiogroup", "aria-label": "Field that is drawn" }, ...this.radios) : "";
    this.plot = node("div", { class: "track", role: "slider", tabindex: 0, "aria-label": "step", "aria-valuemin": 1, "aria-valuemax": this.story.length });
    this.plot.addEventListener("pointerdown", (event) => this.drag(event));
    this.caption = node("p", { class: "fl-cap" });
    this.plots = node("div", { class: "plots" }, choice, this.caption, this.plot);
    this.plots.hidden = !names.length;
    this.after = node("p", { class: "fl-cap" });
    this.table = node("tbody");
    const heads = [["field", ""], ["log", "num"], ["what-if", "num"], ["difference", "num"]].map(([text, kind]) => node("th", { class: kind, scope: "col" }, text));
    const region = node("div", { class: "fl-scroll st-rows", role: "region", tabindex: 0, "aria-label": "State" }, node("table", {}, node("thead", {}, node("tr", {}, ...heads)), this.table));
    return node("div", {}, this.plots, node("div", { class: "st" }, this.after, region));
  }

  // Another field: the lines and the table are drawn anew.
  turn() {
    if (!this.story.length) return;
    const { field } = this, names = [...this.story.fields.keys()];
    this.radios.forEach((radio, n) => {
      const on = names[n] === this.model.get("field");
      radio.classList.toggle("on", on);
      radio.setAttribute("aria-checked", String(on));
      radio.tabIndex = on ? 0 : -1;
    });
    this.draw();
    const inList = this.scroller && this.list.contains(document.activeElement);
    const made = this.listing();
    this.list.replaceWith(made);
    this.list = made;
    this.step();
    if (inList) this.rows.get(this.place)?.focus({ preventScroll: true });
    if (field) this.caption.textContent = `${field.name} by version`;
  }

  draw() {
    if (!this.field) return;
    this.chart = new Chart(this.story, this.field, Math.max(260, (this.plots.clientWidth || 530) - 24));
    this.plot.replaceChildren(this.chart.svg);
  }

  resized() {
    if (!this.story.length || !this.section.clientWidth || this.section.clientWidth === this.width) return;
    this.width = this.section.clientWidth;
    this.draw();
    this.step();
  }

  // --- the table: only the rows that can be seen ---

  side() {
    this.list = node("div");
    return node("div", { class: "side" }, this.list, this.note());
  }

  note() {
    const { note } = this.story.data;
    if (!note.head) return "";
    const stage = note.lines[0][0];
    const lines = note.lines.map(([, version, text]) => node("p", { class: "why" }, node("b", {}, `${version}: `), node("span", {}, text)));
    const more = note.more ? [node("p", { class: "why muted" }, note.more)] : [];
    return node("div", { class: `fl-note ${stage}` }, node("p", {}, node("span", { class: `o ${stage}` }, cross()), node("b", {}, note.head)), ...lines, ...more);
  }

  listing() {
    const { story, field } = this, { data } = story, room = (letters) => Math.ceil(letters * 6.8) + 4;
    const most = (texts, head) => Math.min(field?.number ? 40 : LONG, texts.reduce((long, text) => Math.max(long, text.length), head.length));
    const columns = field ? [[[...field.log.text], "log"], [[...field.branch.text], "what-if"], [[...field.gap.text], "difference"]] : [];
    const widths = columns.map(([texts, head]) => room(most(texts, head)));
    const numbers = room((data.named.length ? data.named : data.versions.map(String)).reduce((long, text) => Math.max(long, text.length), 1));
    const words = Object.keys(data.problems).length ? 130 : 110; // of an event, and of the word "refused"
    const cols = `${numbers}px minmax(${words}px, 1fr) ${widths.map((width) => `${width}px`).join(" ")}`;
    const least = numbers + words + widths.reduce((sum, width) => sum + width + 10, 0) + 40;
    const heads = ["#", "event", ...columns.map(([, head]) => head)].map((text, n) => node("span", { role: "columnheader", class: n === 1 ? "" : "num" }, text));
    this.spacer = node("div", { class: "ev-all", style: `height:${story.length * ROW}px`, role: "rowgroup" });
    this.scroller = node("div", { class: "ev-scroll", role: "presentation" }, this.spacer);
    this.scroller.style.minHeight = `${Math.min(ROWS, story.length) * ROW}px`;
    this.scroller.addEventListener("scroll", () => this.drawRows());
    this.rows = new Map();
    const top = node("div", { role: "rowgroup" }, node("div", { class: "ev-row ev-head", role: "row" }, ...heads));
    return node("div", { class: "ev", role: "grid", "aria-label": "Steps", "aria-rowcount": story.length + 1, style: `--cols:${cols};--least:${least}px` }, top, this.scroller);
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
    const { story, field } = this, line = field ? story.line(field, place) : null, number = line?.number;
    const cells = [node("span", { role: "gridcell", class: "num mono" }, story.version(place)), this.event(place)];
    if (line) {
      const quiet = line.differs ? "" : " muted", cut = number ? "" : " cut";
      cells.push(node("span", { role: "gridcell", class: `num${cut}`, title: number ? null : line.log.whole }, line.log.text));
      cells.push(node("span", { role: "gridcell", class: `num${cut}${line.differs ? " now" : quiet}`, title: number ? null : line.whatIf.whole }, line.whatIf.text));
      cells.push(node("span", { role: "gridcell", class: `num${cut}${quiet}` }, line.gap));
    }
    const made = node("div", { class: `ev-row${line?.differs ? " apart" : ""}`, role: "row", "aria-rowindex": place + 1, tabindex: -1, style: `top:${(place - 1) * ROW}px` }, ...cells);
    made.addEventListener("click", () => this.go(place));
    this.mark(made, place);
    return made;
  }

  // What happened, and what became of it on the branch.
  event(place) {
    const { data } = this.story, mark = data.changed[place], problem = data.problems[place], payload = data.payloads[place - 1];
    const text = `${payload}${mark?.by ? ` → ${mark.by}` : ""}`, name = data.short[data.type[place - 1]], parts = [];
    const figures = [payload, mark?.by || ""].every((part) => part.length <= FIGURE && !part.includes(" "));
    if (mark) parts.push(node("b", { class: "chg", role: "img", "aria-label": mark.word }, mark.glyph));
    if (problem) parts.push(node("span", { class: `o ${problem.stage}` }, cross(), "refused"));
    parts.push(node("span", { class: "n cut" }, figures ? name : `${name} ${text}`));
    if (figures) parts.push(node("span", { class: "f" }, text));
    const gone = mark && (mark.word === "left out" || mark.word === "moved away");
    return node("span", { role: "gridcell", class: `what-event${gone ? " gone" : ""}`, title: this.story.title(place) }, ...parts);
  }

  mark(row, place) {
    const here = place === this.place;
    row.classList.toggle("sel", here);
    row.setAttribute("aria-selected", String(here));
    row.tabIndex = here ? 0 : -1;
  }

  // --- a step ---

  step() {
    if (!this.story.length) return;
    const { story, place } = this;
    this.plot.setAttribute("aria-valuenow", place);
    this.plot.setAttribute("aria-valuetext", `step ${place} of ${story.length}, ${story.title(place)}`);
    this.chart?.move(place);
    this.select(place);
    this.state(place);
    const pieces = story.sentence(place, this.model.get("field"));
    const left = story.data.left ? node("span", { class: "left" }, ` ${story.data.left}`) : "";
    this.foot.replaceChildren(...pieces.map(([text, strong]) => (strong ? node("b", {}, text) : text)), left);
  }

  select(place) {
    const { scroller } = this, top = (place - 1) * ROW, high = scroller.clientHeight || ROWS * ROW, inList = this.spacer.contains(document.activeElement);
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + high) scroller.scrollTop = top + ROW - high;
    this.drawRows();
    for (const [known, row] of this.rows) this.mark(row, known);
    if (inList) this.rows.get(place).focus({ preventScroll: true });
  }

  state(place) {
    const { story } = this;
    this.after.textContent = `State after version ${story.version(place)}`;
    this.table.replaceChildren(...[...story.fields.values()].map((field) => {
      const line = story.line(field, place), kind = field.number ? "num nw" : "num cut";
      return node("tr", { class: line.differs ? "changed" : null }, node("td", { class: "mono" }, line.name),
        node("td", { class: kind, title: field.number ? null : line.log.whole }, line.log.text),
        node("td", { class: `${kind}${line.differs ? " now" : " muted"}`, title: field.number ? null : line.whatIf.whole }, line.whatIf.text),
        node("td", { class: `num nw${line.differs ? "" : " muted"}` }, line.gap));
    }));
    if (!story.fields.size) this.table.append(node("tr", {}, node("td", { colspan: 4, class: "muted" }, "the state has no fields")));
  }

  // --- what the reader does ---

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  go(place) {
    const there = Math.min(this.story.length, Math.max(1, place));
    if (there !== this.place) this.set("value", there);
  }

  drag(event) {
    const { plot } = this, to = (moved) => this.go(this.chart.place(moved.clientX - plot.getBoundingClientRect().left));
    plot.setPointerCapture(event.pointerId);
    plot.focus();
    plot.addEventListener("pointermove", to);
    plot.addEventListener("pointerup", () => plot.removeEventListener("pointermove", to), { once: true });
    to(event);
    event.preventDefault();
  }

  choose(by) {
    const names = [...this.story.fields.keys()], now = names.indexOf(this.model.get("field"));
    const next = (now + by + names.length) % names.length;
    this.set("field", names[next]);
    this.radios[next].focus();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
    event.stopPropagation(); // no key that is pressed here is a command of the notebook
    if (!this.story.length) return;
    const inChoice = event.target.role === "radio", inState = event.target.closest?.(".st-rows");
    const by = event.target === this.plot ? -1 : 1; // up is more on a slider, and back in a list
    const acts = inChoice
      ? { ArrowRight: () => this.choose(1), ArrowDown: () => this.choose(1), ArrowLeft: () => this.choose(-1), ArrowUp: () => this.choose(-1) }
      : {
        ArrowRight: () => this.go(this.place + 1), ArrowLeft: () => this.go(this.place - 1),
        Home: () => this.go(1), End: () => this.go(this.story.length),
        PageDown: () => this.go(this.place + 10), PageUp: () => this.go(this.place - 10),
      };
    if (!inChoice && !inState) Object.assign(acts, { ArrowDown: () => this.go(this.place + by), ArrowUp: () => this.go(this.place - by) });
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

export default {
  render({ model, el }) {
    const view = new Branch(model, el);
    return () => view.leave();
  },
};
