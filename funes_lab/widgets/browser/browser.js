// LabBrowser: a table of streams, ten at a time, and what can be opened of the selected one.
// Where a kernel answers it searches, orders and pages; a page without one does so over the streams that it holds.
// Every text comes from Python; names and payloads enter as text nodes.

const SVG = "http://www.w3.org/2000/svg";
const GLYPHS = {
  own: "M2 2h8v8H2z", state: "M6 .8 11.2 6 6 11.2.8 6z", interpretation: "M6 1.5 11 10.5H1z",
  conflict: "M1.5 2 5 6 1.5 10M10.5 2 7 6l3.5 4",
};
const CROSS = "M2 2l8 8M10 2l-8 8";
const PATIENCE = 3000, TYPING = 120;

function node(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function dot(colour) {
  const made = shape("svg", { class: "dot", viewBox: "0 0 8 8", "aria-hidden": "true" });
  made.append(shape("circle", { cx: 4, cy: 4, r: 4, fill: `var(--fl-${colour})` }));
  return made;
}

function outcome(gate, word, text) {
  const svg = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
  svg.append(shape("path", { d: GLYPHS[gate] ?? CROSS }));
  const made = node("span", { class: `o ${gate in GLYPHS ? gate : "muted"}` }, svg, text);
  if (word !== text) { made.title = word; made.setAttribute("role", "img"); made.setAttribute("aria-label", `${text} ${word}`); }
  return made;
}

function spark(row) {
  if (row.unseen || (!row.line && !row.ticks.length)) return node("span", { class: "muted" }, row.unseen || "–");
  const svg = shape("svg", { viewBox: "0 0 120 28", width: 120, height: 28, "aria-hidden": "true" });
  svg.append(shape("path", { class: "grid", d: `M4 ${row.zero}H114` }));
  if (row.line) svg.append(shape("path", { class: "s", d: row.line }));
  if (row.end.length) svg.append(shape("circle", { class: "e", cx: row.end[0], cy: row.end[1], r: 2.5 }));
  for (const [gate, d] of row.ticks) svg.append(shape("path", { class: `t ${gate}`, d }));
  return svg;
}

// --- a page without a kernel ------------------------------------------------------------------------------------

// What is shown of the streams that the page holds; counts are below a thousand, so that no figure needs a comma.
function sifted(data, now) {
  const words = now.search.toLowerCase().split(/\s+/).filter(Boolean);
  const order = data.ranks[now.order] ?? [];
  const found = order.map((n) => data.rows[n]).filter((row) => words.every((word) => row.seek.includes(word)));
  const pages = Math.max(1, Math.ceil(found.length / data.size));
  const page = Math.min(Math.max(now.page, 1), pages), from = (page - 1) * data.size;
  const rows = found.slice(from, from + data.size);
  const panel = now.tab === "streams" ? {} : turned(data, now);
  const say = data.rows.find((row) => row.idx === now.selected)?.say ?? "";
  return { ...data, ...now, found, pages, page, rows, panel, say, told: span(page, data.size, rows.length, found.length), nothing: "No stream of this page matches." };
}

function turned(data, now) {
  if (data.of !== now.selected) return { heads: [], rows: [], pages: 1, page: 1, told: "", empty: "Left out of this page: what another stream holds is there where the notebook runs." };
  const panel = data.panels[now.tab], pages = Math.max(1, Math.ceil(panel.rows.length / data.size));
  const page = Math.min(Math.max(now.turned, 1), pages), from = (page - 1) * data.size;
  const rows = panel.rows.slice(from, from + data.size);
  return { ...panel, rows, pages, page, told: pages > 1 ? `${span(page, data.size, rows.length, panel.rows.length)}, of ${panel.told}` : panel.told };
}

function span(page, size, shown, total) {
  return shown ? `${(page - 1) * size + 1}–${(page - 1) * size + shown} of ${total}` : "0 of 0";
}

// --- the widget -------------------------------------------------------------------------------------------------

function render({ model, el }) {
  let now, own = null, pending = [], waiting = 0, typing = 0, toOpened = false, toRow = false;

  const title = node("h3", { class: "fl-title mono jp-toc-ignore" }), counts = node("span", { class: "muted" });
  const whole = node("span", { class: "acts" });
  const search = node("input", { class: "fl-in", type: "search", "aria-label": "Search streams" });
  const tabs = node("nav", { class: "tabs", role: "tablist", "aria-label": "Views" });
  const fault = node("div", { class: "fault", role: "alert" });
  const empty = node("div", { class: "fl-pad muted" });
  const thead = node("thead"), tbody = node("tbody");
  const table = node("table", {}, thead, tbody);
  const scroll = node("div", { class: "fl-scroll", role: "tabpanel", tabindex: "0" }, table);
  const told = node("span");
  const back = node("button", { class: "fl-btn icon", type: "button", "aria-label": "Previous page" }, "‹");
  const on = node("button", { class: "fl-btn icon", type: "button", "aria-label": "Next page" }, "›");
  const say = node("span", { class: "say", "aria-live": "polite" });
  const hints = [[["/"], "search"], [["↑", "↓"], "stream"], [["Enter"], "append"]].map(([names, does]) => {
    return node("span", {}, ...names.flatMap((name) => [node("kbd", {}, name), " "]), `${does}  `);
  });
  const keys = node("span", { class: "keys" }, ...hints);
  const left = node("div", { class: "left muted" });
  const stands = node("span"), shut = node("button", { class: "fl-btn", type: "button" }, "Close");
  const standing = node("div", { class: "stands" }, stands, node("span", { class: "grow" }), shut);
  const foot = node("footer", { class: "fl-foot" }, told, back, on, say, keys);
  const section = node("section", { class: "fl fl-lab" },
    node("header", { class: "fl-head" }, title, counts, node("span", { class: "grow" }), whole, search),
    tabs, fault, empty, scroll, foot, left, standing);
  el.replaceChildren(section);

  // --- asking

  function ask(wish) {
    if (!now.kernel) { answer(wish); return; }
    section.setAttribute("aria-busy", "true");
    clearTimeout(waiting);
    waiting = setTimeout(() => tell("The kernel has not answered yet: it is busy, or the cell must be run again."), PATIENCE);
    // by a name of its own: other views of the same lab ask too
    pending.push(`${Math.random()}`);
    model.send({ ...wish, name: pending.at(-1) });
  }

  function answer(wish) {
    for (const [name, value] of Object.entries(wish)) {
      if (name === "search") Object.assign(own, { search: value, page: 1 });
      else if (name === "order") Object.assign(own, { order: value, page: 1 });
      else if (name === "page") own.page = value;
      else if (name === "turn") own.turned = value;
      else if (name === "tab") Object.assign(own, { tab: value, turned: 1 });
      else if (name === "select") Object.assign(own, { selected: value, turned: 1 });
      else if (name === "move") move(value);
    }
    draw(sifted(model.get("data"), own));
  }

  function move(step) {
    const found = now.found, here = found.findIndex((row) => row.idx === own.selected);
    const start = here < 0 ? (now.page - 1) * now.size - (step > 0 ? 1 : 0) : here;
    const place = Math.min(Math.max(start + step, 0), found.length - 1);
    if (place >= 0) Object.assign(own, { selected: found[place].idx, page: Math.floor(place / now.size) + 1, turned: 1 });
  }

  function select(idx) {
    if (idx === now.selected) return;
    if (now.kernel) {  // the page knows what it shows of the stream: it need not wait
      const row = now.rows.find((one) => one.idx === idx);
      draw({ ...now, selected: idx, say: row?.say ?? "" });
    }
    ask({ select: idx });
  }

  function open(kind, idx, why) {
    if (why) { tell(`${why[0].toUpperCase()}${why.slice(1)}.`); return; }
    if (stood(kind, idx)) { ask({ close: true }); return; }
    toOpened = true;
    ask({ open: { kind, idx } });
  }

  const stood = (kind, idx) => now.opened.kind === kind && now.opened.idx === idx;

  // --- drawing

  function draw(next) {
    const active = section.contains(document.activeElement) ? document.activeElement : null, key = active?.dataset.key;
    now = next;
    section.setAttribute("aria-label", now.label);
    title.textContent = now.title;
    title.title = now.path;
    counts.textContent = now.counts;
    search.placeholder = now.placeholder;
    if (document.activeElement !== search) search.value = now.search;
    whole.replaceChildren(...now.actions.map(([kind, label, why]) => action(kind, label, why, "", "lab")));
    const none = now.empty.length > 0;
    for (const part of [tabs, scroll, foot, search, whole]) part.hidden = none;
    empty.hidden = !none;
    if (none) empty.replaceChildren(now.empty[0], " ", node("span", { class: "mono" }, now.empty[1]));
    hints[2].hidden = !now.kernel;
    drawTabs();
    if (now.tab === "streams") drawStreams(); else drawPanel();
    left.hidden = !now.left_out;
    left.textContent = now.left_out;
    standing.hidden = !now.opened.kind;
    stands.textContent = now.opened.told ?? "";
    tell(now.say);
    // whoever has gone elsewhere meanwhile is not called back
    if ((toRow && active && active !== search) || (key === "row" && !active.isConnected)) focusRow();
    else if (key && !active.isConnected) [...section.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
    toRow = false;
  }

  function tell(sentence) {
    if (say.textContent !== sentence) say.textContent = sentence;
  }

  function focusRow() {
    (tbody.querySelector("tr.sel:not(.go)") ?? tbody.querySelector("tr.row"))?.focus();
  }

  function drawTabs() {
    const made = now.tabs.map(([name, text]) => {
      const chosen = name === now.tab;
      const tab = node("button", { type: "button", role: "tab", "aria-selected": chosen, tabindex: chosen ? 0 : -1, "data-key": `tab ${name}` }, text);
      tab.addEventListener("click", () => ask({ tab: name }));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const all = [...tabs.children], other = all[(all.indexOf(tab) + step + all.length) % all.length];
        other.focus();
        other.click();
      });
      return tab;
    });
    const chosen = section.contains(document.activeElement) && document.activeElement?.getAttribute("role") === "tab";
    tabs.replaceChildren(...made);
    if (chosen) made.find((tab) => tab.tabIndex === 0)?.focus();
    scroll.setAttribute("aria-label", now.tabs.find(([name]) => name === now.tab)[1]);
  }

  function drawStreams() {
    scroll.style.minHeight = "";
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", "Streams");
    thead.replaceChildren(node("tr", {}, ...now.columns.map(heading)));
    const rows = now.rows.flatMap((row) => (row.idx === now.selected ? [stream(row, true), actions(row)] : [stream(row, false)]));
    if (rows.length && !tbodyHas(rows, now.selected)) rows[0].tabIndex = 0;
    tbody.replaceChildren(...rows);
    if (!rows.length) tbody.append(node("tr", {}, node("td", { class: "muted", colspan: now.columns.length }, now.nothing)));
    turn(now.told, now.page, now.pages, (page) => ask({ page }));
  }

  const tbodyHas = (rows, idx) => idx !== "" && rows.some((row) => row.classList.contains("sel"));

  function heading([key, text, kind]) {
    if (!key) return node("th", { class: kind, scope: "col" }, text);
    const down = now.order === `-${key}`, up = now.order === key;
    const made = node("th", { class: kind, scope: "col", "aria-sort": up ? "ascending" : down ? "descending" : "none" });
    const press = node("button", { type: "button", "data-key": `sort ${key}` }, `${text}${up ? " ▴" : down ? " ▾" : ""}`);
    const figures = key !== "idx" && key !== "last_event";
    press.addEventListener("click", () => ask({ order: up ? `-${key}` : down ? key : figures ? `-${key}` : key }));
    made.append(press);
    return made;
  }

  function stream(row, chosen) {
    const idx = node("td", { class: "mono nw" }, row.shown);
    if (row.shown !== row.idx) idx.title = row.idx;
    const refused = row.refused.length ? row.refused.map(([gate, word, count]) => outcome(gate, word, count)) : [node("span", { class: "muted" }, "–")];
    const made = node("tr", { class: chosen ? "row sel" : "row", "aria-selected": chosen, tabindex: chosen ? 0 : -1, "data-key": "row" },
      idx, node("td", { class: "muted wide" }, row.classes[row.cls]), node("td", { class: "num" }, row.events),
      node("td", { class: "pic" }, spark(row)), node("td", { class: "num" }, row.now),
      node("td", { class: "nw" }, dot(row.colour), row.last), node("td", { class: "num muted nw" }, row.at), node("td", { class: "nw" }, ...refused));
    made.addEventListener("click", () => { toRow = true; select(row.idx); });
    made.addEventListener("dblclick", () => enter(row));
    return made;
  }

  function action(kind, label, why, idx, of) {
    const pressed = stood(kind, idx), main = kind === "form" && !why && !pressed;
    const made = node("button", {
      class: `fl-btn${main ? " main" : ""}${pressed ? " on" : ""}`, type: "button", "data-key": `${of} ${kind}`,
      "aria-pressed": pressed, "aria-disabled": why ? "true" : undefined, title: why || undefined,
    }, label);
    made.addEventListener("click", () => open(kind, idx, why));
    return made;
  }

  function actions(row) {
    const parts = [];
    if (now.kernel) {
      for (const [kind, label, why] of row.actions) parts.push(action(kind, label, why, row.idx, "stream"));
      parts.push(choice("as", "Stream class", row.classes, row.cls, (name) => ask({ class: name })));
      const names = row.projections.map(([name, tier]) => [name, `${name}, ${tier}`]);
      if (names.length) parts.push(choice("by", "Projection", names, row.projection, (name) => ask({ projection: name })));
    }
    parts.push(node("span", { class: "mono muted code" }, row.code));
    const cell = node("td", { colspan: now.columns.length }, node("div", { class: "acts" }, ...parts));
    return node("tr", { class: "sel go" }, cell);
  }

  function choice(word, label, names, chosen, done) {
    const made = node("select", { class: "fl-in", "aria-label": label, "data-key": label });
    names.forEach((name, n) => {
      const [value, text] = Array.isArray(name) ? name : [name, name];
      const option = node("option", { value }, text);
      option.selected = n === chosen;
      made.append(option);
    });
    made.addEventListener("change", () => done(made.value));
    return node("label", {}, word, made);
  }

  function drawPanel() {
    const panel = now.panel;
    // what stands below stays where it is
    if (table.getAttribute("role")) scroll.style.minHeight = `${scroll.offsetHeight}px`;
    table.removeAttribute("role");
    table.setAttribute("aria-label", now.tabs.find(([name]) => name === now.tab)[1]);
    thead.replaceChildren(node("tr", {}, ...panel.heads.map(([text, kind]) => node("th", { class: kind, scope: "col" }, text))));
    if (!panel.heads.length) thead.replaceChildren();
    tbody.replaceChildren(...panel.rows.map((cells) => node("tr", { class: "line" }, ...cells.map(cell))));
    if (panel.empty) tbody.append(node("tr", { class: "line" }, node("td", { class: "muted", colspan: Math.max(1, panel.heads.length) }, panel.empty)));
    turn(panel.told, panel.page, panel.pages, (page) => ask({ turn: page }));
  }

  function cell({ text, class: kind, dot: colour, gate, whole: all }) {
    const parts = colour ? [dot(colour), text] : gate ? [outcome(gate, text, text)] : [text];
    return node("td", { class: kind, title: all }, ...parts);
  }

  let turnTo = () => {};
  function turn(sentence, page, pages, go) {
    told.textContent = sentence;
    back.disabled = page <= 1;
    on.disabled = page >= pages;
    turnTo = (step) => { if (page + step >= 1 && page + step <= pages) go(page + step); };
  }
  back.addEventListener("click", () => turnTo(-1));
  on.addEventListener("click", () => turnTo(1));

  // --- keys

  function enter(row) {
    if (!row || !now.kernel) return;
    const [kind, , why] = row.actions.find(([, , reason]) => !reason) ?? row.actions[0];
    if (!stood(kind, row.idx)) open(kind, row.idx, why);
  }

  const far = 1e9;
  const moves = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -far, End: far };
  section.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || (event.shiftKey && event.key === "Enter")) return;
    event.stopPropagation();  // what is typed here is no command of the notebook
    if (event.target === search || event.target.tagName === "SELECT") return;
    const inRow = event.target.classList.contains("row");
    let act = null;
    if (event.key === "/") act = () => { search.focus(); search.select(); };
    else if (event.key === "Escape") act = () => { toRow = inRow; select(""); };
    else if (event.key in moves && now.tab === "streams" && (inRow || event.target === scroll)) act = () => step(moves[event.key]);
    else if (event.key === "Enter" && inRow) act = () => {
      const row = now.rows.find((one) => one.idx === now.selected);
      if (row) enter(row); else step(1);
    };
    if (!act) return;
    event.preventDefault();
    act();
  });

  function step(far) {
    const here = now.rows.findIndex((row) => row.idx === now.selected), next = now.rows[here + far];
    toRow = true;
    // while Python is behind what is shown, a step is counted from where it will be
    if (here < 0 || !next || pending.length) { ask({ move: far }); return; }
    select(next.idx);
    toRow = true;
  }

  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) { search.value = ""; sought(); }
    else if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") { clearTimeout(typing); sought(); focusRow(); }
    else return;
    event.preventDefault();
  });
  function sought() { if (search.value !== now.search) ask({ search: search.value }); }
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(sought, now.kernel ? TYPING : 0); });
  shut.addEventListener("click", () => { toRow = true; ask({ close: true }); });

  // The first control of what was opened, as soon as it is there.
  function goToOpened(frames = 240) {
    const place = el.closest(".fl-browser")?.querySelector(":scope > .fl-place");
    const wanted = "input:not([type=hidden]):not([disabled]), textarea, select, button:not([disabled]), [tabindex='0']";
    const first = place && [...place.querySelectorAll(wanted)].find((one) => one.offsetParent !== null);
    if (first) { first.focus(); return; }
    if (frames && el.isConnected) requestAnimationFrame(() => goToOpened(frames - 1));
  }

  // --- what Python says

  function load() {
    const data = model.get("data");
    pending.splice(0, pending.indexOf(data.answered) + 1);
    if (!pending.length) {
      clearTimeout(waiting);
      section.removeAttribute("aria-busy");
    }
    if (data.kernel) {
      const wasOpened = toOpened && data.opened.kind;
      toRow = toRow && !wasOpened;
      draw(data);
      if (wasOpened) { toOpened = false; goToOpened(); }
      return;
    }
    own ??= { search: data.search, order: data.order, page: data.page, tab: data.tab, selected: data.selected, turned: 1 };
    draw(sifted(data, own));
  }
  function failed() {
    fault.hidden = !model.get("fault");
    fault.textContent = model.get("fault");
    if (model.get("fault")) toOpened = false;
  }
  model.on("change:data", load);
  model.on("change:fault", failed);
  failed();
  load();
  return () => {
    clearTimeout(waiting);
    clearTimeout(typing);
    model.off("change:data", load);
    model.off("change:fault", failed);
  };
}

export default { render };
