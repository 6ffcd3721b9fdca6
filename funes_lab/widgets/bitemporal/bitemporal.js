// The bitemporal map: draws what Python worked out and wrote out, moves two cursors, and decides nothing.

const SVG = "http://www.w3.org/2000/svg";
const TOP = 24, PLOT = 300, TALLEST = 40, NARROWEST = 280;

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shape(tag, properties, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

const wide = (text) => 6.4 * text.length;

// The lines of a hatch within a box; they meet those of its neighbours.
function hatch(kind, x, y, w, h) {
  let d = "";
  const first = (from, step) => Math.ceil(from / step) * step;
  const across = (step) => { for (let v = first(y + 0.5, step); v < y + h; v += step) d += `M${x} ${v}h${w}`; };
  const down = (step) => { for (let v = first(x + 0.5, step); v < x + w; v += step) d += `M${v} ${y}v${h}`; };
  if (kind === 1 || kind === 5) across(6);
  if (kind === 2 || kind === 5) down(6);
  if (kind === 3) {
    for (let v = first(x - y - h + 0.5, 6); v < x + w - y; v += 6) {
      const from = Math.max(x, v + y), to = Math.min(x + w, v + y + h);
      d += `M${from} ${from - v}L${to} ${to - v}`;
    }
  }
  if (kind === 4) {
    for (let v = first(y + 1, 5); v < y + h - 1; v += 5) {
      for (let u = first(x + 1, 5); u < x + w - 1; u += 5) d += `M${u} ${v}h1.5`;
    }
  }
  if (kind === 6) across(3);
  if (kind === 7) down(3);
  return d;
}

// Runs of one value in a line, and the same runs in the lines above it, as boxes: first line, lines, first column, end.
function boxes(data, cells) {
  const done = [];
  let open = new Map();
  cells.forEach((line, row) => {
    const here = new Map();
    for (let start = data.starts[row], n = start + 1; start < data.ends[row]; n++) {
      if (n < data.ends[row] && line[n] === line[start]) continue;
      const key = `${start} ${n} ${line[start]}`;
      const box = open.get(key) ?? { row, lines: 0, start, end: n, value: line[start] };
      if (!box.lines) done.push(box);
      box.lines += 1;
      here.set(key, box);
      start = n;
    }
    open = here;
  });
  return done;
}

// A name may be broken where its parts meet.
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, n) => (n ? [make("wbr"), part] : [part]));
}

function pieces(template, slots) {
  return template.split(/\{(\w+)\}/).map((piece, n) => {
    if (n % 2 === 0) return piece;
    return piece === "field" || piece === "why" ? slots[piece] : make("b", {}, slots[piece]);
  });
}

function swatch(field, value) {
  const svg = shape("svg", { viewBox: "0 0 18 12", width: 18, height: 12, "aria-hidden": "true" });
  svg.append(shape("rect", { x: 0.5, y: 0.5, width: 17, height: 11, fill: "none", class: "axis" }));
  svg.append(shape("path", { d: hatch(field.tones[value], 1, 1, 16, 10), class: "hatch" }));
  return svg;
}

function legend(field) {
  const box = make("span", { class: "bm-legend" });
  const told = (text, more = "") => box.append(make("span", { class: `muted ${more}` }, text));
  if (field.kind === "ramp") {
    told(field.ends[0]);
    for (let step = 0; step < 6; step++) box.append(make("span", { class: "step", style: `background:var(--fl-r${step})` }));
    told(field.ends[1], "gap");
  } else {
    field.legend.forEach((value) => {
      box.append(swatch(field, value));
      const letter = field.letters[value], text = field.values[value];
      told(letter === text ? text : `${letter} ${text}`, "gap");
    });
    if (field.more) told(field.more, "gap");
  }
  if (field.turns.some((line) => /[ol]/.test(line))) {
    const svg = shape("svg", { viewBox: "0 0 14 12", width: 14, height: 12, "aria-hidden": "true" });
    svg.append(shape("path", { class: "fix", d: "M3 10l8 -8" }));
    box.append(svg);
    told("corrected later");
  }
  return box;
}

// Where things stand in a picture so many pixels wide.
function layout(data, width) {
  const rows = data.as_of.short.length, columns = data.at.short.length;
  const left = Math.max(46, ...data.as_of.short.map((text) => wide(text) + 18));
  const cell = Math.min(TALLEST, PLOT / rows), bottom = TOP + cell * rows;
  const step = (width - left - 4) / columns;
  return {
    rows, columns, left, cell, bottom, step, width, height: bottom + 42, right: left + step * columns,
    x: (column) => left + step * column, y: (row) => bottom - cell * (row + 1),
  };
}

function edge(data, at) {
  const up = [], down = [];
  for (let row = 0; row < at.rows; row++) {
    if (data.starts[row] >= data.ends[row]) continue;
    const low = at.y(row) + at.cell, high = at.y(row);
    up.push(`${at.x(data.ends[row])} ${low}`, `${at.x(data.ends[row])} ${high}`);
    down.unshift(`${at.x(data.starts[row])} ${high}`, `${at.x(data.starts[row])} ${low}`);
  }
  return up.length ? `M${[...up, ...down].join("L")}Z` : "";
}

function drawCells(svg, data, field, at) {
  const hatches = [];
  for (const box of boxes(data, field.cells)) {
    const x = at.x(box.start), y = at.y(box.row + box.lines - 1), tone = field.tones[box.value];
    const w = at.x(box.end) - x, h = at.cell * box.lines;
    const ramp = field.kind === "ramp" && tone >= 0;
    svg.append(shape("rect", { x, y, width: w, height: h, fill: `var(--fl-${ramp ? `r${tone}` : "raised"})` }));
    if (!ramp && tone > 0) hatches.push(hatch(tone, x, y, w, h));
  }
  svg.append(shape("path", { class: "hatch", d: hatches.join("") }));
}

function drawMarks(svg, data, field, at) {
  const size = Math.min(4, at.step * 0.3, at.cell * 0.4), marks = { fix: [], "fix lt": [] };
  field.turns.forEach((line, row) => [...line].forEach((turn, column) => {
    if (turn !== "o" && turn !== "l") return;
    const x = at.x(column) + at.step / 2, y = at.y(row) + at.cell / 2;
    const dark = turn === "o" && field.kind === "ramp" && field.tones[field.cells[row][column]] >= 4;
    marks[dark ? "fix lt" : "fix"].push(`M${x - size} ${y + size * 0.75}l${2 * size} ${-1.5 * size}`);
  }));
  for (const [name, paths] of Object.entries(marks)) svg.append(shape("path", { class: name, d: paths.join("") }));
  if (at.cell < 12) return;
  for (const [row, from, to, value] of field.marks) {
    const text = field.letters[value], room = at.x(to) - at.x(from), w = wide(text) + 6;
    if (room < w) continue;
    const x = (at.x(from) + at.x(to)) / 2, y = at.y(row) + at.cell / 2;
    svg.append(shape("rect", { x: x - w / 2, y: y - 6, width: w, height: 12, class: "plate" }));
    svg.append(shape("text", { x, y: y + 4, class: "mid b" }, text));
  }
}

function drawAxes(svg, data, at) {
  svg.append(shape("path", { class: "axis", d: edge(data, at) }));
  const every = Math.ceil(16 / at.cell);
  const broad = Math.ceil((Math.max(...data.at.short.map(wide)) + 10) / at.step);
  for (let row = 0; row < at.rows; row += every) {
    svg.append(shape("text", { class: "mu end", x: at.left - 10, y: at.y(row) + at.cell / 2 + 4 }, data.as_of.short[row]));
  }
  for (let column = 0; column < at.columns; column += broad) {
    const x = at.x(column) + at.step / 2;
    svg.append(shape("path", { class: "grid", d: `M${x} ${at.bottom}v4` }));
    svg.append(shape("text", { class: "mu mid", x, y: at.bottom + 16 }, data.at.short[column]));
  }
  const year = (axis) => (axis.shared ? `, ${axis.shared}` : "");
  svg.append(shape("text", { class: "mu b", x: 2, y: 14 }, `as_of ↑ what the log knew${year(data.as_of)}`));
  svg.append(shape("text", { class: "mu b end", x: at.right, y: at.height - 5 }, `at → what had happened by${year(data.at)}`));
}

// What the blank corner is.
function drawAhead(svg, data, at) {
  const row = Math.floor(at.rows / 4), room = at.right - at.x(data.ends[row]);
  if (at.cell * at.rows > 80 && room > 110) {
    const x = at.x(data.ends[row]) + room / 2;
    svg.append(shape("text", { class: "mu mid ahead", x, y: at.y(row) + at.cell / 2 + 4 }, "not yet happened"));
  }
}

function cursors(data, at, column, row) {
  const group = shape("g", {}), x = at.x(column), y = at.y(row), mid = x + at.step / 2, high = y + at.cell / 2;
  const lines = `M${mid} ${y + at.cell}V${at.bottom}M${at.left} ${high}H${x}`;
  const box = { x, y, width: at.step, height: at.cell };
  group.append(shape("path", { d: lines, class: "halo" }), shape("path", { d: lines, class: "cur2" }));
  group.append(shape("rect", { ...box, class: "halo" }), shape("rect", { ...box, class: "cur2 pick" }));
  const pill = (text, centre, top) => {
    const w = wide(text) + 12;
    const from = Math.min(Math.max(centre - w / 2, 0), at.width - w);
    group.append(shape("rect", { x: from, y: top, width: w, height: 18, rx: 3, class: "pill" }));
    group.append(shape("text", { x: from + w / 2, y: top + 13, class: "mid on" }, text));
  };
  pill(data.as_of.short[row], at.left - 8 - (wide(data.as_of.short[row]) + 12) / 2, high - 9);
  pill(data.at.short[column], mid, at.bottom + 3);
  return group;
}

function stateTable(data, column, row) {
  const rows = data.fields.map((field) => {
    const turn = field.turns[row][column];
    const known = turn !== "n" && turn !== "l" && turn !== "e";
    const now = known ? field.values[field.cells[row][column]] : "–";
    const then = field.values[field.today[column]];
    const corrected = turn === "o" || turn === "l", whole = field.kind === "ramp" ? " nw" : ""; // a number is never broken
    return make("tr", corrected ? { class: "changed" } : {},
      make("th", { class: "mono", scope: "row" }, ...breakable(field.title)),
      make("td", { class: `num${corrected ? " now" : ""}${whole}` }, now),
      make("td", { class: `num muted${whole}` }, turn === "a" || turn === "e" ? "–" : corrected ? `~ ${then}` : "same"));
  });
  const head = make("tr", {}, make("th", {}, "field"), make("th", { class: "num" }, "believed"), make("th", { class: "num" }, "known today"));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function dot(tone, known) {
  const svg = shape("svg", { class: "bm-dot", viewBox: "0 0 8 8", "aria-hidden": "true" });
  svg.append(known
    ? shape("circle", { cx: 4, cy: 4, r: 4, fill: `var(--fl-${tone})` })
    : shape("circle", { cx: 4, cy: 4, r: 3.2, fill: "none", stroke: "var(--fl-edge)", "stroke-width": 1.5 }));
  return svg;
}

// What stands beside a cell: the last events that had happened by then, and in words how many more there are and why.
function panelOf(data, column, row) {
  const [mostKnown, mostLate] = data.listed, known = data.known[row][column], late = data.late[row][column];
  const numbers = [...data.events.keys()].filter((n) => data.events[n].column <= column);
  const hidden = late ? numbers.filter((n) => data.events[n].row > row).slice(-mostLate) : [];
  const others = late > 1 ? `, and ${data.counts[late - 1]} more came late` : "";
  return {
    known: numbers.filter((n) => data.events[n].row <= row).slice(-mostKnown),
    late: hidden,
    before: known > mostKnown ? `… ${data.counts[known - mostKnown]} earlier` : "",
    more: late > mostLate ? `… ${data.counts[late - mostLate]} more not known yet` : "",
    why: hidden.length ? data.events[hidden[hidden.length - 1]].why + others : "",
  };
}

function eventsTable(data, panel) {
  const head = make("tr", {}, make("th", {}, "event"), make("th", { class: "num" }, "happened"), make("th", { class: "num" }, "recorded"));
  const line = (known) => (number) => {
    const event = data.events[number];
    const first = make("td", { title: event.whole }, dot(event.tone, known), make("span", {}, event.name),
      make("span", { class: "muted" }, event.payload ? ` ${event.payload}` : ""));
    return make("tr", known ? {} : { class: "late" }, first, make("td", { class: "num" }, event.at),
      make("td", { class: known ? "num" : "num chg" }, event.recorded));
  };
  const told = (text) => (text ? [make("tr", {}, make("td", { colspan: 3, class: "muted" }, text))] : []);
  const none = panel.known.length + panel.late.length ? [] : told("none");
  const rows = [...told(panel.before), ...panel.known.map(line(true)), ...panel.late.map(line(false)), ...told(panel.more), ...none];
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function keys() {
  const foot = make("footer", { class: "fl-foot" });
  const told = [[["←", "→"], "at"], [["↑", "↓"], "as_of"], [["D"], "to the diagonal (as_of = at)"], [["Home", "End"], "first, last"]];
  for (const [names, word] of told) foot.append(...names.flatMap((name) => [make("kbd", {}, name), " "]), `${word} \u00a0 `);
  return foot;
}

function render({ model, el }) {
  const section = make("section", { class: "fl map" });
  section.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
    event.stopPropagation(); // no key that is pressed here is a command of the notebook
  });
  const head = make("header", { class: "fl-head" });
  const fault = make("div", { class: "fl-note", role: "alert", style: "color:var(--fl-edge)" });
  const say = make("div", { class: "bm-say", "aria-live": "polite" });
  const map = make("div", { class: "bm-map", tabindex: "0", role: "group", "aria-label": "Map: arrow keys move the cursors" });
  const state = make("div", { class: "fl-pad bm-state" }), events = make("div", { class: "fl-pad bm-rule bm-events" });
  const columns = make("div", { class: "fl-cols bm" }, map, make("div", {}, state, events));
  const empty = make("div", { class: "fl-pad muted" });
  let field = null, at = null, svg = null, cursor = null, drawnFor = 0;

  const data = () => model.get("data");
  function cell() {
    const [column, row] = model.get("cell");
    return [Math.min(Math.max(column, 0), at.columns - 1), Math.min(Math.max(row, 0), at.rows - 1)];
  }
  function go(column, row) {
    const there = [Math.min(Math.max(column, 0), at.columns - 1), Math.min(Math.max(row, 0), at.rows - 1)];
    model.set("cell", there);
    model.save_changes();
  }

  function drawHead() {
    const shown = data();
    const title = make("h3", { class: "fl-title mono jp-toc-ignore", title: shown.whole }, shown.idx);
    const names = [...shown.fields.map((sent) => [sent.name, sent.title]), ...(model.get("others") || []).map((name) => [name, name])];
    const choose = make("select", { class: "fl-in", "aria-label": "Field" });
    for (const [name, text] of names) choose.append(make("option", { value: name }, text));
    choose.value = model.get("field");
    choose.addEventListener("change", () => {
      section.setAttribute("aria-busy", "true");
      model.set("field", choose.value);
      model.save_changes();
    });
    const had = head.contains(document.activeElement);
    head.replaceChildren(title, ...(names.length ? [choose] : []), make("span", { class: "muted" }, shown.projection),
      make("span", { class: "muted" }, shown.left_out), make("span", { class: "grow" }), ...(field ? [legend(field)] : []));
    if (had) choose.focus();
  }

  function drawMap() {
    drawnFor = Math.max(NARROWEST, (map.clientWidth || 584) - 24);
    at = layout(data(), drawnFor);
    svg = shape("svg", { viewBox: `0 0 ${at.width} ${at.height}`, width: at.width, height: at.height, role: "img", "aria-label": data().label });
    drawCells(svg, data(), field, at);
    drawAxes(svg, data(), at);
    cursor = shape("g", {});
    svg.append(cursor);
    drawMarks(svg, data(), field, at);
    drawAhead(svg, data(), at);
    map.replaceChildren(svg);
  }

  function move() {
    if (!field) return;
    const [column, row] = cell(), shown = data(), panel = panelOf(shown, column, row);
    const next = cursors(shown, at, column, row);
    cursor.replaceWith(next);
    cursor = next;
    const slots = {
      as_of: shown.as_of.prose[row], at: shown.at.prose[column], field: field.says, why: panel.why,
      value: field.values[field.cells[row][column]], today: field.values[field.today[column]],
    };
    const [first, second] = shown.sayings[field.turns[row][column]];
    say.replaceChildren(make("div", {}, ...pieces(first, slots)), make("div", {}, ...pieces(second, slots)));
    const caption = (text) => make("p", { class: "fl-cap" }, text);
    state.replaceChildren(caption("State at this cell"), stateTable(shown, column, row));
    events.replaceChildren(caption(`Events that had happened by ${shown.at.short[column]}`), eventsTable(shown, panel));
    if (panel.late.length) {
      events.append(make("div", { class: "muted" }, `○ the log did not know it yet on ${shown.as_of.prose[row]}`));
    }
  }

  function draw() {
    const shown = data();
    section.setAttribute("aria-label", shown.label);
    section.removeAttribute("aria-busy");
    field = shown.fields.find((sent) => sent.name === model.get("field")) ?? shown.fields[0] ?? null;
    drawHead();
    if (field) {
      // room for the longest list, so that nothing moves with the selection
      const [mostKnown, mostLate] = shown.listed, most = (lines) => Math.max(...lines.flat());
      const lines = (n, listed) => Math.min(n, listed) + (n > listed);
      const late = most(shown.late);
      events.style.minHeight = `${76 + 27 * (lines(most(shown.known), mostKnown) + lines(late, mostLate) + (late > 0))}px`;
      section.replaceChildren(head, ...note(), say, columns, keys());
      drawMap();
      move();
    } else {
      empty.replaceChildren(`${shown.empty[0]} `, make("span", { class: "mono" }, shown.empty[1]));
      section.replaceChildren(head, ...note(), empty);
    }
  }

  // The picture stays in the page while it is drawn anew, and with it the focus.
  function redraw() {
    const focused = map.contains(document.activeElement);
    draw();
    if (focused) map.focus();
  }

  function note() {
    fault.replaceChildren(make("div", {}, make("span", {}, model.get("fault") || "")));
    return model.get("fault") ? [fault] : [];
  }

  map.addEventListener("keydown", (event) => {
    if (!field || event.ctrlKey || event.metaKey || event.altKey) return;
    const [column, row] = cell();
    const steps = {
      ArrowLeft: [column - 1, row], ArrowRight: [column + 1, row], ArrowUp: [column, row + 1], ArrowDown: [column, row - 1],
      Home: [0, row], End: [at.columns - 1, row], PageUp: [column, row + 10], PageDown: [column, row - 10],
      d: [column, data().diagonal[column]], D: [column, data().diagonal[column]],
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    go(...steps[event.key]);
  });
  map.addEventListener("click", (event) => {
    if (!field) return;
    const box = svg.getBoundingClientRect(), scale = at.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    if (x < at.left || y < TOP || y > at.bottom) return;
    go(Math.floor((x - at.left) / at.step), Math.floor((at.bottom - y) / at.cell));
  });

  const wanted = [["change:data", redraw], ["change:field", redraw], ["change:others", redraw], ["change:fault", redraw], ["change:cell", move]];
  for (const [name, call] of wanted) model.on(name, call);
  el.append(section);
  draw();
  const watcher = new ResizeObserver(() => {
    if (field && Math.max(NARROWEST, map.clientWidth - 24) !== drawnFor) {
      drawMap();
      move();
    }
  });
  watcher.observe(map);
  return () => {
    watcher.disconnect();
    for (const [name, call] of wanted) model.off(name, call);
  };
}

export default { render };
