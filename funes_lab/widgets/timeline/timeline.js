// StreamTimeline: lanes of marks on an axis of time, a strip of the whole, and what is told of the selected mark.
// Every text comes from Python, or is put together from words that do; names and payloads enter as text nodes.

const DAY = 86400e6, MINUTE = 60e6, SECOND = 1e6;   // microseconds
const TOUCH = 11, BAR = 4, LETTER = 6.3;            // as in timeline_layout.py
const NARROW = 640, TOP = 18, COLOURS = 8;
const CROSS = "M2 2l8 8M10 2l-8 8", CHECK = "M1.5 6.5 4.5 9.5 10.5 2.5";
const SVG = "http://www.w3.org/2000/svg";

function node(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// --- the data ---------------------------------------------------------------------------------------------------

// The columns of Python, as arrays that are quick to walk along.
function unpacked(data) {
  const n = data.type.length;
  const sums = (steps) => { let sum = 0; return Float64Array.from(steps, (step) => (sum += step)); };
  const stage = new Int8Array(n).fill(-1), key = new Map();
  data.refused.forEach((mark, k) => { stage[mark] = data.stage[k]; key.set(mark, data.keys[k]); });
  const stream = data.stream.length ? data.stream : new Array(n).fill(0);
  const lane = Int32Array.from(data.by_type ? data.type : stream, (number) => data.lane_of[number]);
  const version = sums(data.version);
  const axes = {};
  for (const [name, given] of Object.entries(data.axes)) {
    const order = given.order.length ? Int32Array.from(sums(given.order)) : Int32Array.from({ length: n }, (_, k) => k);
    const at = new Float64Array(n), place = new Int32Array(n);
    let moment = given.first;
    const steps = given.steps === "" ? [] : given.steps.split(" ");
    order.forEach((mark, k) => {
      if (k) moment += parseInt(steps[k - 1], 36) * given.unit;
      at[mark] = moment; place[mark] = k;
    });
    axes[name] = { ...given, order, at, place };
  }
  const keyOf = (mark) => key.get(mark) ?? `${version[mark]} ${data.streams[stream[mark]]}`;
  const byKey = new Map();
  for (let mark = 0; mark < n; mark++) byKey.set(keyOf(mark), mark);
  return { n, stage, stream, lane, version, axes, keyOf, byKey };
}

// A whole number in the words of Python.
function figure(data, number) {
  if (number < 1000) return data.figures.small[number];
  const thousands = data.figures.thousands[Math.floor(number / 1000)];
  return thousands === undefined ? "" : thousands + data.words.thousandths[number % 1000];
}

// --- the axis: the rules of timeline_axis.py ---------------------------------------------------------------------

function calendar(day) {                            // days since the beginning of the year 1
  const date = new Date((day - 719162) * 86400e3);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
}

function dayOf(year, month) {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 1);
  return date.getTime() / 86400e3 + 719162;
}

function stepFor(data, span, pixels) {
  const least = span / Math.max(pixels, 1) * data.ticks.room;
  return data.ticks.steps.find((step) => step[2] >= least) ?? data.ticks.steps.at(-1);
}

// The ticks of a window: [offset, label], and what the labels leave out.
function ticks(data, axis, low, high, pixels) {
  const [unit, n] = stepFor(data, high - low, pixels), { words } = data;
  const yearName = (year) => axis.years.names[year - axis.years.first] ?? "";
  const dayAt = (at) => calendar(axis.day + Math.floor(at / DAY));
  const dateName = (date) => `${words.days[date.day]} ${words.months[date.month]}`;
  const inDay = (at) => ((at % DAY) + DAY) % DAY;
  const clock = (at) => words.clock[Math.floor(inDay(at) / MINUTE)];
  const second = (at) => words.seconds[Math.floor((inDay(at) % MINUTE) / SECOND)];
  const made = [];
  let year = null;
  const add = (at) => {
    const date = dayAt(at), anew = date.year !== year;
    if (date.year < 1 || date.year > 9999) return;
    let label;
    if (unit === "year") label = yearName(date.year);
    else if (unit === "month") label = words.months[date.month] + (anew ? ` ${yearName(date.year)}` : "");
    else if (n >= DAY) label = dateName(date) + (anew ? ` ${yearName(date.year)}` : "");
    else if (inDay(at) === 0) label = dateName(date);
    else if (n >= MINUTE) label = clock(at);
    else if (inDay(at) % SECOND === 0) label = clock(at) + second(at);
    else {
      const fine = inDay(at) % SECOND;
      label = `.${words.thousandths[Math.floor(fine / 1000)]}${n < 1000 ? words.thousandths[fine % 1000] : ""}`;
    }
    year = date.year;
    made.push([at, label]);
  };
  if (unit === "span") {
    const phase = n > DAY ? (axis.day % (n / DAY)) * DAY : 0;
    for (let at = Math.ceil((low + phase) / n) * n - phase; at <= high; at += n) add(at);
  } else {
    const months = unit === "year" ? n * 12 : n, first = dayAt(low);
    for (let number = Math.floor((first.year * 12 + first.month) / months) * months; ; number += months) {
      const at = (dayOf(Math.floor(number / 12), ((number % 12) + 12) % 12) - axis.day) * DAY;
      if (at > high) break;
      if (at >= low && number >= 12) add(at);
    }
  }
  let context = "";
  if (unit === "span" && n < DAY) {
    const date = dayAt(low);
    context = `${dateName(date)} ${yearName(date.year)} `;
    if (n < MINUTE) context += clock(low) + (n < SECOND ? second(low) : "") + " ";
  }
  return { made, context: `${context}UTC` };
}

// --- where marks stand: the rules of timeline_layout.py ----------------------------------------------------------

function placeLane(accepted, refused, x, colour, label) {
  const placed = { dots: [], bars: new Map(), labels: [], glyphs: [], pins: [], apart: false, tallest: 0 };
  let end = -1e9;
  for (let from = 0; from < accepted.length;) {
    let to = from + 1;
    while (to < accepted.length && x(accepted[to]) - x(accepted[to - 1]) < TOUCH) to++;
    if (to - from > 1) {
      for (let k = from; k < to; k++) {
        const slot = Math.floor(x(accepted[k]) / BAR) * BAR;
        if (!placed.bars.has(slot)) placed.bars.set(slot, new Map());
        const counts = placed.bars.get(slot), number = colour(accepted[k]);
        counts.set(number, (counts.get(number) ?? 0) + 1);
      }
    } else {
      const mark = accepted[from], text = label(mark), half = text.length * LETTER / 2;
      placed.dots.push(mark);
      if (text && x(mark) - half > end) {
        placed.labels.push([x(mark), text]);
        end = x(mark) + half + 3;
      }
    }
    from = to;
  }
  for (const counts of placed.bars.values()) {
    let sum = 0;
    for (const count of counts.values()) sum += count;
    placed.tallest = Math.max(placed.tallest, sum);
  }
  end = -1e9;
  for (const mark of refused) {
    if (x(mark) - end >= TOUCH + 2) { placed.glyphs.push(mark); end = x(mark); } else placed.pins.push(mark);
  }
  let next = 0, touching = false;
  for (const mark of refused) {
    while (next < accepted.length && x(accepted[next]) < x(mark) - TOUCH - 1) next++;
    touching ||= next < accepted.length && x(accepted[next]) < x(mark) + TOUCH + 1;
  }
  placed.apart = refused.length > 0 && (placed.pins.length > 0 || placed.bars.size > 0 || touching);
  return placed;
}

// --- the widget -------------------------------------------------------------------------------------------------

function render({ model, el }) {
  let data, all, axis, lanes, win, hidden = null, width = 0, positions, waiting = 0, asked = "";
  const told = new Map();

  const title = node("h3", { class: "fl-title mono" }), counts = node("span", { class: "muted" });
  const filter = node("input", { class: "fl-in", type: "search", placeholder: "/ filter", "aria-label": "Filter by type, stream, gate or version" });
  const seg = node("div", { class: "seg", role: "radiogroup", "aria-label": "Time" });
  const radios = ["record", "actual"].map((name) => {
    const made = node("button", { class: "fl-btn", type: "button", role: "radio" }, `${name} time`);
    made.addEventListener("click", () => setBy(name));
    made.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      setBy(name === "record" ? "actual" : "record");
      radios[name === "record" ? 1 : 0].focus();
      event.preventDefault();
    });
    seg.append(made);
    return [name, made];
  }).map(([, made]) => made);
  const zooms = node("div", { class: "seg" });
  for (const [label, text, act] of [["Zoom out", "−", () => zoom(2)], ["Zoom in", "+", () => zoom(.5)], ["Show everything", "fit", fit]]) {
    const made = node("button", { class: text === "fit" ? "fl-btn" : "fl-btn icon", type: "button", "aria-label": label, title: label }, text);
    made.addEventListener("click", act);
    zooms.append(made);
  }
  const head = node("header", { class: "fl-head" }, title, counts, node("span", { class: "grow" }), filter, seg, zooms);
  const svg = shape("svg", { width: "100%", "aria-hidden": "true" });
  const track = node("div", { class: "track", tabindex: "0", role: "slider", "aria-label": "Events", "aria-valuemin": "0" }, svg);
  const key = node("div", { class: "key muted" });
  const note = node("div", { class: "fl-note" });
  const panels = node("div", { class: "fl-cols c3" });
  const say = node("span", { class: "say", "aria-live": "polite" });
  const keys = node("span");
  for (const [names, does] of [["←→", "event"], ["↑↓", "lane"], ["N", "next refused"], ["+−0", "zoom"], ["/", "filter"]]) {
    for (const name of names) keys.append(node("kbd", {}, name), " ");
    keys.append(`${does}   `);
  }
  const empty = node("div", { class: "fl-pad muted" });
  const fault = node("div", { class: "fl-pad", role: "alert" });
  const section = node("section", { class: "fl fl-timeline" },
    head, fault, empty, track, key, note, panels, node("footer", { class: "fl-foot" }, say, keys));
  el.replaceChildren(section);

  // --- what is shown

  function load() {
    const former = axis;
    data = model.get("data");
    all = unpacked(data);
    title.textContent = data.title;
    counts.textContent = data.counts;
    section.setAttribute("aria-label", data.labels[model.get("by")]);
    const none = all.n === 0;
    for (const part of [track, key, note, panels]) part.hidden = none;
    filter.hidden = seg.hidden = zooms.hidden = keys.hidden = none;
    empty.hidden = !none;
    empty.replaceChildren("No events yet. The first one: ", node("span", { class: "mono" }, data.way));
    if (none) { axis = undefined; return; }
    takeAxis(former);
  }

  function takeAxis(former) {
    const name = model.get("by"), was = former && win && (win[0] > former.low || win[1] < former.high);
    axis = all.axes[name];
    radios.forEach((radio, k) => {
      const on = ["record", "actual"][k] === name;
      radio.classList.toggle("on", on);
      radio.setAttribute("aria-checked", on);
      radio.tabIndex = on ? 0 : -1;
    });
    section.setAttribute("aria-label", data.labels[name]);
    const moved = former ? (former.day - axis.day) * DAY : 0;
    setWindow(...(was ? [win[0] + moved, win[1] + moved] : [axis.low, axis.high]), false);
    sift();
  }

  // The marks of each lane in the order of the axis, without those that the filter hides.
  function sift() {
    const wanted = filter.value.trim().toLowerCase();
    hidden = null;
    if (wanted) {
      hidden = new Uint8Array(all.n);
      const words = new Map();
      for (let mark = 0; mark < all.n; mark++) {
        const gate = all.stage[mark] < 0 ? "in the log" : `refused ${data.stages[all.stage[mark]][1]}`;
        const kind = `${all.stage[mark]} ${data.type[mark]} ${all.stream[mark]}`;
        if (!words.has(kind)) {
          const text = `${data.types[data.type[mark]]} ${data.streams[all.stream[mark]] ?? ""} ${gate}`.toLowerCase();
          words.set(kind, text.includes(wanted));
        }
        hidden[mark] = !(words.get(kind) || `#${all.version[mark]}` === wanted);
      }
    }
    lanes = data.lanes.map(() => ({ accepted: [], refused: [] }));
    positions = [];
    for (const mark of axis.order) {
      if (hidden && hidden[mark]) continue;
      positions.push(mark);
      lanes[all.lane[mark]][all.stage[mark] < 0 ? "accepted" : "refused"].push(mark);
    }
    track.setAttribute("aria-valuemax", Math.max(positions.length - 1, 0));
    counts.textContent = hidden ? `${figure(data, positions.length)} of ${figure(data, all.n)}` : data.counts;
    draw();
  }

  // --- drawing

  let geometry = {};

  function measure() {
    const narrow = width <= NARROW, many = data.lanes.length > 8;
    const right = width - 16, pitch = narrow ? 54 : data.lanes.length <= 4 ? 50 : many ? 34 : 42;
    const words = Math.max(...data.lanes.map((lane) => Math.max(lane.told.length, lane.name.length * 1.1)));
    const left = narrow ? 16 : Math.min(Math.max(words * LETTER + 28, 150), 230);
    const first = narrow ? 68 : 48, bottom = first + (data.lanes.length - 1) * pitch + 22;
    geometry = { narrow, left, right, pitch, first, bottom, strip: bottom + 12, height: bottom + 36 };
    geometry.x = (mark) => left + (axis.at[mark] - win[0]) / (win[1] - win[0]) * (right - left);
    geometry.whole = (at) => left + (at - axis.low) / (axis.high - axis.low) * (right - left);
    geometry.moment = (x) => win[0] + (x - left) / (right - left) * (win[1] - win[0]);
  }

  function draw() {
    if (!axis || !width) return;
    measure();
    const { left, right, bottom, height } = geometry;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    const parts = [];
    drawAxis(parts);
    const colour = (mark) => Math.min(data.type[mark], COLOURS), version = (mark) => figure(data, all.version[mark]);
    const seen = lanes.map((lane, n) => {
      const label = data.lanes[n].rest ? () => "" : version;
      return placeLane(within(lane.accepted), within(lane.refused), geometry.x, colour, label);
    });
    const tallest = Math.max(...seen.map((placed) => placed.tallest));
    geometry.rows = seen.map((placed) => (placed.apart ? 13 : 0));
    // the lane that takes the rest would dwarf all others
    const own = Math.max(0, ...seen.filter((_, n) => !data.lanes[n].rest).map((placed) => placed.tallest));
    seen.forEach((placed, n) => drawLane(parts, placed, n, data.lanes[n].rest ? placed.tallest : own));
    drawStrip(parts);
    parts.push(shape("g", { class: "chosen" }));
    svg.replaceChildren(...parts);
    drawKey(tallest);
    drawWindow();
    drawSelected();
  }

  // The marks of a lane that are in the window, by halving.
  function within(marks) {
    const beyond = (moment) => {
      let low = 0, high = marks.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (axis.at[marks[middle]] < moment) low = middle + 1; else high = middle;
      }
      return low;
    };
    return marks.slice(beyond(win[0]), beyond(win[1] + 1e-9 * (win[1] - win[0]) + 1e-3));
  }

  function drawAxis(parts) {
    const { left, right, bottom, narrow } = geometry;
    const { made, context } = ticks(data, axis, win[0], win[1], right - left);
    let grid = "", end = left - 40;
    parts.push(shape("text", { class: "mu", x: narrow ? left : 16, y: narrow ? 26 : 12 }, context));
    for (const [at, label] of made) {
      const x = left + (at - win[0]) / (win[1] - win[0]) * (right - left), room = label.length * LETTER;
      grid += `M${x.toFixed(1)} ${TOP}V${bottom}`;
      if (x >= end && x + 4 + room <= width) {
        parts.push(shape("text", { class: "mu", x: (x + 4).toFixed(1), y: 12 }, label));
        end = x + 8 + room;
      }
    }
    parts.push(shape("path", { class: "grid", d: grid }));
  }

  const fill = (number) => (number < COLOURS ? `var(--fl-c${number + 1})` : "var(--fl-muted)");

  function drawLane(parts, placed, n, tallest) {
    const { left, right, narrow, first, pitch } = geometry, y = first + n * pitch, lane = data.lanes[n];
    parts.push(shape("path", { class: "grid", d: `M${left} ${y}H${right}` }));
    const name = shape("text", { class: "b", x: 16, y: narrow ? y - 24 : y }, lane.name);
    name.append(shape("title", {}, lane.title));
    parts.push(name);
    const under = narrow ? { x: 26 + lane.name.length * LETTER * 1.2, y: y - 24 } : { x: 16, y: y + 13 };
    parts.push(shape("text", { class: "mu", ...under }, lane.told));
    const tall = narrow ? 16 : pitch - 22, most = Math.max(4, tallest), paths = new Map();
    for (const [slot, of] of placed.bars) {
      let foot = y, total = 0;
      for (const count of of.values()) total += count;
      for (const number of [...of.keys()].sort((a, b) => a - b)) {
        const high = Math.max(3, tall * total / most) * of.get(number) / total;
        foot -= high;
        paths.set(number, `${paths.get(number) ?? ""}M${slot} ${foot.toFixed(1)}h${BAR - 1}v${high.toFixed(1)}h-${BAR - 1}z`);
      }
    }
    for (const [number, d] of paths) parts.push(shape("path", { d, fill: fill(number) }));
    for (const mark of placed.dots) {
      parts.push(shape("circle", { cx: geometry.x(mark).toFixed(1), cy: y, r: 5.5, fill: fill(data.type[mark]) }));
    }
    for (const [x, text] of placed.labels) parts.push(shape("text", { class: "mu mid", x: x.toFixed(1), y: y - 10 }, text));
    const row = y + geometry.rows[n], pins = new Map();
    for (const mark of placed.pins) {
      const gate = all.stage[mark];
      pins.set(gate, `${pins.get(gate) ?? ""}M${geometry.x(mark).toFixed(1)} ${row + 4}v5`);
    }
    for (const [gate, d] of pins) parts.push(shape("path", { class: `hollow ${data.stages[gate][0]}`, d }));
    for (const mark of placed.glyphs) {
      const gate = data.stages[all.stage[mark]][0];
      const move = `translate(${(geometry.x(mark) - 6).toFixed(1)} ${row - 6})`;
      parts.push(shape("path", { class: `hollow ${gate}`, transform: move, d: data.glyphs[gate] ?? CROSS }));
    }
  }

  function drawStrip(parts) {
    const { left, right, strip, narrow } = geometry;
    if (!narrow) parts.push(shape("text", { class: "mu", x: 16, y: strip + 12 }, data.by_type ? "whole stream" : "all streams"));
    parts.push(shape("rect", { class: "strip", x: left, y: strip, width: right - left, height: 16, fill: "var(--fl-raised)" }));
    parts.push(shape("rect", { class: "strip win", y: strip - .5, height: 17 }));
    const facts = new Set(), refused = new Map();
    for (const mark of positions) {
      const x = Math.round(geometry.whole(axis.at[mark])), gate = all.stage[mark];
      if (gate < 0) facts.add(x);
      else refused.set(gate, (refused.get(gate) ?? new Set()).add(x));
    }
    const d = (places) => Array.from(places, (x) => `M${x} ${strip + 2}v12`).join("");
    const quiet = { fill: "none", "pointer-events": "none" };
    parts.push(shape("path", { d: d(facts), stroke: "var(--fl-muted)", ...quiet }));
    for (const [gate, places] of refused) {
      const tone = data.stages[gate][0];
      parts.push(shape("path", { class: tone, d: d(places), stroke: "currentColor", "stroke-dasharray": "2.5 2", ...quiet }));
    }
  }

  function drawWindow() {
    const from = geometry.whole(win[0]), to = geometry.whole(win[1]), box = svg.querySelector(".win");
    box.setAttribute("x", from.toFixed(1));
    box.setAttribute("width", Math.max(to - from, 2).toFixed(1));
    box.style.display = whole() ? "none" : "";
  }

  function drawKey(tallest) {
    const parts = [node("span", {}, "● in the log")];
    if (data.stages.length) parts.push(node("span", {}, "hollow, refused by"));
    for (const [gate, word] of data.stages) parts.push(outcome(gate, word));
    if (!data.by_type) {
      data.types.slice(0, COLOURS).forEach((name, number) => {
        const dot = shape("svg", { viewBox: "0 0 12 12", class: "solid", "aria-hidden": "true" });
        dot.append(shape("circle", { cx: 6, cy: 6, r: 4, style: `fill: ${fill(number)}` }));
        parts.push(node("span", { class: "o" }, dot, name));
      });
      if (data.types.length > COLOURS) parts.push(node("span", {}, `${figure(data, data.types.length - COLOURS)} more`));
    }
    if (tallest > 1) parts.push(node("span", {}, `bars: events that would touch, at most ${figure(data, tallest)} in one`));
    key.replaceChildren(...parts);
  }

  function outcome(gate, word) {
    const glyph = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
    glyph.append(shape("path", { d: gate === "accepted" ? CHECK : data.glyphs[gate] ?? CROSS }));
    return node("span", { class: `o ${gate}` }, glyph, word);
  }

  // --- the selection

  const chosen = () => all.byKey.get(model.get("selected"));

  function drawSelected() {
    if (!axis) { say.textContent = ""; return; }
    const mark = chosen(), group = svg.querySelector(".chosen");
    if (!group) return;
    group.replaceChildren();
    if (mark !== undefined && !(hidden && hidden[mark]) && axis.at[mark] >= win[0] && axis.at[mark] <= win[1]) {
      const x = geometry.x(mark).toFixed(1), lane = all.lane[mark];
      const y = geometry.first + lane * geometry.pitch + (all.stage[mark] < 0 ? 0 : geometry.rows[lane]);
      group.append(shape("path", { class: "cur", d: `M${x} ${TOP}V${geometry.bottom}` }));
      group.append(shape("circle", { class: "ring", cx: x, cy: y, r: 11 }));
    }
    tell(mark);
  }

  function tell(mark) {
    clearTimeout(waiting);
    section.removeAttribute("aria-busy");
    if (mark === undefined) { silent("Nothing is selected."); say.textContent = ""; return; }
    const one = told.get(all.keyOf(mark));
    if (one) { show(one); return; }
    if (!model.get("kernel")) { silent(data.left_out); return; }
    // the former panels stay until the kernel has answered
    section.setAttribute("aria-busy", "true");
    waiting = setTimeout(() => silent("The kernel has not answered: run the cell again to see what this mark holds."), 2000);
  }

  function silent(sentence) {
    note.className = "fl-note muted";
    note.replaceChildren(node("p", { class: "why" }, node("span", {}, sentence)));
    panels.replaceChildren(...["Payload", "Event", "Metainformation"].map((caption) => {
      return node("div", { class: "fl-pad" }, node("p", { class: "fl-cap" }, caption));
    }));
    const mark = chosen();
    say.textContent = mark === undefined ? "" : `${figure(data, all.version[mark])} ${data.types[data.type[mark]]}`;
    track.setAttribute("aria-valuetext", say.textContent || "nothing selected");
    track.setAttribute("aria-valuenow", mark === undefined ? 0 : Math.max(0, positions.indexOf(mark)));
  }

  function show({ note: given, panels: three, say: sentence }) {
    const parts = [node("p", {}, outcome(given.tone === "accepted" ? "accepted" : "", ""), node("b", {}, given.headline))];
    parts[0].firstChild.classList.add(given.tone);
    for (const [gate, word, why] of given.reasons) {
      parts.push(node("p", { class: "why" }, ...(gate ? [outcome(gate, word), " "] : []), node("span", {}, why)));
    }
    note.className = `fl-note ${given.tone}`;
    note.replaceChildren(...parts);
    panels.replaceChildren(...three.map(([caption, lines, more], n) => panel(caption, lines, more, n === 1)));
    say.textContent = sentence;
    track.setAttribute("aria-valuetext", sentence);
    track.setAttribute("aria-valuenow", axis.place[chosen()]);
  }

  function panel(caption, lines, more, words) {
    const rows = lines.map(([name, shown, blamed]) => node("tr", {},
      node("th", { scope: "row", class: words ? "" : "mono" }, name),
      node("td", { class: blamed ? "num bad" : words ? "" : "num" }, shown)));
    const made = node("div", { class: "fl-pad", role: "region", tabindex: "0", "aria-label": caption }, node("p", { class: "fl-cap" }, caption));
    if (rows.length) made.append(node("table", {}, node("tbody", {}, ...rows)));
    if (more) made.append(node("div", { class: "muted" }, more));
    return made;
  }

  function select(mark) {
    if (mark === undefined || mark === null) return;
    model.set("selected", all.keyOf(mark));
    model.save_changes();
    reveal(mark);
  }

  // Move the window if it does not show the mark.
  function reveal(mark) {
    if (mark !== undefined && (axis.at[mark] < win[0] || axis.at[mark] > win[1])) {
      const half = (win[1] - win[0]) / 2;
      setWindow(axis.at[mark] - half, axis.at[mark] + half);
    } else drawSelected();
  }

  function step(by) {
    const mark = chosen(), at = mark === undefined ? -1 : placeAmong(positions, mark);
    const next = mark === undefined ? (by > 0 ? 0 : positions.length - 1) : at + by;
    select(positions[Math.min(Math.max(next, 0), positions.length - 1)]);
  }

  // Where a mark is among others in the order of the axis; if it is hidden, where it would be.
  function placeAmong(marks, mark) {
    let low = 0, high = marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (axis.place[marks[middle]] < axis.place[mark]) low = middle + 1; else high = middle;
    }
    return low;
  }

  function stepLane(by) {
    const mark = chosen();
    if (mark === undefined) { step(1); return; }
    for (let n = all.lane[mark] + by; n >= 0 && n < lanes.length; n += by) {
      const there = [...lanes[n].accepted, ...lanes[n].refused];
      if (there.length) { select(nearest(there, axis.at[mark])); return; }
    }
  }

  function nearest(marks, moment) {
    let best, least = Infinity;
    for (const mark of marks) {
      const far = Math.abs(axis.at[mark] - moment);
      if (far < least) { least = far; best = mark; }
    }
    return best;
  }

  function nextRefused() {
    const mark = chosen(), from = mark === undefined ? -1 : axis.place[mark];
    const refused = positions.filter((one) => all.stage[one] >= 0);
    select(refused.find((one) => axis.place[one] > from) ?? refused[0]);
  }

  // --- zoom

  const whole = () => win[0] <= axis.low && win[1] >= axis.high;

  function setWindow(low, high, drawing = true) {
    const span = axis.high - axis.low, least = Math.max(20, span * 1e-13);
    const wide = Math.min(Math.max(high - low, least), span), middle = (low + high) / 2;
    const from = Math.min(Math.max(middle - wide / 2, axis.low), axis.high - wide);
    win = wide < span ? [from, from + wide] : [axis.low, axis.high];
    if (drawing) draw();
  }

  function zoom(by, around) {
    if (!axis) return;
    const mark = chosen();
    const fixed = around ?? (mark !== undefined && axis.at[mark] >= win[0] && axis.at[mark] <= win[1] ? axis.at[mark] : (win[0] + win[1]) / 2);
    setWindow(fixed - (fixed - win[0]) * by, fixed + (win[1] - fixed) * by);
  }

  function fit() { if (axis) setWindow(axis.low, axis.high); }

  function setBy(name) {
    if (model.get("by") === name) return;
    model.set("by", name);
    model.save_changes();
  }

  // --- hands

  const across = (event) => event.clientX - svg.getBoundingClientRect().left;

  function pick(event) {
    const box = svg.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const { first, pitch, bottom, rows } = geometry;
    if (y > bottom) return;
    const n = Math.min(Math.max(Math.round((y - first) / pitch), 0), lanes.length - 1), foot = first + n * pitch;
    let best, least = 24 * 24;
    for (const [marks, row] of [[within(lanes[n].accepted), foot], [within(lanes[n].refused), foot + rows[n]]]) {
      for (const mark of marks) {
        const far = (geometry.x(mark) - x) ** 2 + (row === foot ? Math.max(0, y - row, row - y - pitch / 2) : row - y) ** 2;
        if (far < least) { least = far; best = mark; }
      }
    }
    select(best);
  }

  svg.addEventListener("click", pick);
  svg.addEventListener("pointerdown", (event) => {
    if (!event.target.classList.contains("strip") || event.button) return;
    const { left, right } = geometry;
    const at = (x) => axis.low + (Math.min(Math.max(x, left), right) - left) / (right - left) * (axis.high - axis.low);
    const start = at(across(event)), held = [...win], inside = !whole() && start >= win[0] && start <= win[1];
    const move = (moved) => {
      const now = at(across(moved));
      if (inside) setWindow(held[0] + now - start, held[1] + now - start);
      else if (Math.abs(now - start) > (axis.high - axis.low) / 200) setWindow(Math.min(start, now), Math.max(start, now));
    };
    const drop = () => { window.removeEventListener("pointermove", move); window.removeEventListener("pointerup", drop); };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", drop);
    event.preventDefault();
    track.focus({ preventScroll: true });
  });
  track.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : .8, geometry.moment(across(event)));
  }, { passive: false });

  const does = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => stepLane(-1), ArrowDown: () => stepLane(1),
    Home: () => select(positions[0]), End: () => select(positions.at(-1)), PageUp: () => step(-10), PageDown: () => step(10),
    n: nextRefused, N: nextRefused, "+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), "−": () => zoom(2), 0: fit,
    Escape: () => { model.set("selected", ""); model.save_changes(); drawSelected(); },
  };
  section.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.shiftKey && event.key === "Enter") return;
    event.stopPropagation();  // what is typed here is no command of the notebook
    if (event.target === filter || !axis) return;
    const moves = event.key.length > 1 && event.key !== "Escape";
    if (moves && event.target !== track) return;
    const act = event.key === "/" ? () => filter.focus() : does[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { filter.value = ""; sift(); }
    if (event.key === "Escape" || event.key === "Enter") { event.preventDefault(); track.focus(); }
  });
  filter.addEventListener("input", sift);

  // --- what Python says

  const heard = {
    "change:data": () => { load(); drawSelected(); },
    "change:by": () => { if (axis) takeAxis(undefined); },
    "change:selected": () => { if (axis) reveal(chosen()); },
    "change:details": () => {
      remember();
      const mark = axis && chosen();
      if (mark !== undefined && told.has(all.keyOf(mark))) tell(mark);
    },
    "change:fault": () => { fault.hidden = !model.get("fault"); fault.textContent = model.get("fault"); },
  };
  function remember() {
    for (const [name, one] of Object.entries(model.get("details"))) told.set(name, one);
  }
  for (const [name, act] of Object.entries(heard)) model.on(name, act);
  const sight = new ResizeObserver(() => {
    const now = Math.floor(track.clientWidth);
    if (now && now !== width) { width = now; draw(); }
  });
  remember();
  heard["change:fault"]();
  load();
  sight.observe(section);
  width = Math.floor(track.clientWidth);
  draw();
  return () => {
    sight.disconnect();
    clearTimeout(waiting);
    for (const [name, act] of Object.entries(heard)) model.off(name, act);
  };
}

export default { render };
