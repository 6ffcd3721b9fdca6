// The inspector: a page of attempts, the chart that filters them, and what is told of the selected one. With a kernel
// Python filters and gives the rows; a page without one filters those that it carries. Nothing is formatted here.

const SVG = "http://www.w3.org/2000/svg";
const CROSS = "M2 2l8 8M10 2l-8 8";
const WAIT = 150; // ms between a key and the search

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function glyph(d) {
  const made = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  made.setAttribute("viewBox", "0 0 12 12");
  made.setAttribute("aria-hidden", "true");
  path.setAttribute("d", d);
  made.append(path);
  return made;
}

// A pattern of streams, as Python's fnmatch reads it.
function matcher(pattern) {
  if (!/[*?[]/.test(pattern)) return (idx) => idx === pattern;
  const source = pattern.replace(/\[(!?)([^\]]+)\]|[*?]|[.+^${}()|\\[\]]/g, (found, not, set) => {
    if (found === "*") return "[\\s\\S]*";
    if (found === "?") return "[\\s\\S]";
    return set ? `[${not ? "^" : ""}${set.replace(/[\\^]/g, "\\$&")}]` : `\\${found}`;
  });
  try {
    const known = new RegExp(`^(?:${source})$`, "u");
    return (idx) => known.test(idx) || idx === pattern;
  } catch { return (idx) => idx === pattern; }
}

// --- what is shown: from Python, or of what the page carries --------------------------------------------------------

class Listing {
  constructor(model) {
    this.data = model.get("data");
    this.live = model.get("kernel");
    this.filters = model.get("filters") || {};
    this.rows = this.live ? this.data.rows : this.sifted();
    this.base = this.live ? this.data.base : 0;
    this.total = this.live ? this.data.total : this.rows.length;
  }

  sifted() {
    const { stage, event, idx, projection, rule, text } = this.filters, named = idx ? matcher(idx) : null;
    const wanted = text ? text.toLowerCase() : "";
    return this.data.rows.filter(({ stage: gate, facets }) => (!stage?.length || stage.includes(gate))
      && (!event || facets.event === event) && (!named || named(facets.idx))
      && (!projection || facets.projection === projection) && (!rule || facets.rules.includes(rule))
      && (!wanted || facets.said.includes(wanted)));
  }

  at(place) { return this.rows[place - this.base]; }

  placeOf(number) {
    const found = this.rows.findIndex((row) => row.n === number);
    return found < 0 ? -1 : this.base + found;
  }

  figure(place) { return (this.live ? this.at(place) : this.data.rows[place]).place; }

  counts() {
    if (this.live || !Object.keys(this.filters).length) return this.data.counts;
    const all = this.data.rows.length;
    return this.total ? `${this.figure(this.total - 1)} of the ${this.figure(all - 1)} on this page` : "none fits";
  }
}

function render({ model, el }) {
  let listing, drawn = "", shown = 0, pressed = false, waiting = 0, stands = {};
  const live = model.get("kernel");
  const send = (content) => model.send(content);

  // --- the pieces

  const title = node("h3", { class: "fl-title jp-toc-ignore" }), counts = node("span", { class: "muted" });
  const head = node("header", { class: "fl-head" }, title, counts, node("span", { class: "grow" }),
    node("span", { class: "muted wide" }, "outside the log; nothing here changed a stream"));
  const chips = node("div", { class: "chips", role: "group", "aria-label": "Refused by" });
  const event = node("select", { class: "fl-in", "aria-label": "Filter by event type" });
  const projection = node("select", { class: "fl-in", "aria-label": "Filter by projection" });
  const streams = node("datalist", { id: `fl-streams-${Math.random().toString(36).slice(2)}` });
  const idx = node("input", { class: "fl-in", "aria-label": "Filter by stream, or a pattern such as debts-*", placeholder: "stream", list: streams.id });
  const text = node("input", { class: "fl-in", type: "search", "aria-label": "Filter by text", placeholder: "/ filter by text" });
  const bar = node("div", { class: "bar" }, chips, event, projection, idx, streams, text);
  const rules = node("div", { class: "rules", role: "group", "aria-label": "Refused by rule" });
  const heads = ["tried, UTC", "refused by", "stream", "event", "why"].map((word) => node("th", { scope: "col" }, word));
  const body = node("tbody");
  const table = node("table", { class: "rj", role: "grid", "aria-label": "Refused attempts" },
    node("thead", {}, node("tr", {}, ...heads, node("th", { class: "num", scope: "col" }, "version"))), body);
  const scroll = node("div", { class: "fl-scroll" }, table);
  const newer = node("button", { class: "fl-btn", type: "button" }, "‹ newer"), older = node("button", { class: "fl-btn", type: "button" }, "older ›");
  const where = node("span", { class: "muted" });
  const pager = node("div", { class: "pager" }, newer, where, older);
  const empty = node("div", { class: "fl-pad muted" });
  const note = node("div", { class: "fl-note" });
  const panels = node("div", { class: "fl-cols c3" });
  const retry = node("button", { class: "fl-btn main", type: "button" }, "Edit and retry");
  const shut = node("button", { class: "fl-btn", type: "button" }, "Close the form");
  const cls = node("select", { class: "fl-in", "aria-label": "Stream class" });
  const told = node("span", { class: "told", role: "status" });
  const say = node("span", { class: "unseen", "aria-live": "polite" });
  const keys = node("span", { class: "wide" });
  for (const [names, does] of [["↑↓", "row"], ...(live ? [["E", "edit and retry"]] : []), ["/", "filter"]]) {
    for (const name of names) keys.append(node("kbd", {}, name), " ");
    keys.append(`${does}   `);
  }
  const foot = node("footer", { class: "fl-foot act" }, retry, shut, cls, told, say, node("span", { class: "grow" }), keys);
  const fault = node("div", { class: "fl-pad", role: "alert" });
  const section = node("section", { class: "fl inspect" }, head, fault, bar, rules, empty, scroll, pager, note, panels, foot);
  el.replaceChildren(section);

  // --- drawing

  const outcome = (gate, ...words) => node("span", { class: `o ${gate}` }, glyph(listing.data.glyphs[gate] ?? CROSS), ...words);

  function draw() {
    listing = new Listing(model);
    const { data } = listing, none = !data.of;
    section.setAttribute("aria-label", data.title);
    title.textContent = data.title;
    counts.textContent = listing.counts();
    for (const part of [bar, rules, foot]) part.hidden = none;
    drawFilters(data);
    drawChart(data);
    drawRows(data);
    drawDetail();
    drawFoot(data);
    fault.hidden = !model.get("fault");
    fault.textContent = model.get("fault");
  }

  function drawFilters(data) {
    const { filters } = listing, quiet = (field) => document.activeElement !== field;
    choices(event, [["", "any type"], ...data.events], filters.event);
    choices(projection, [["", "any projection"], ...data.projections], filters.projection);
    projection.hidden = data.projections.length < 2 && !filters.projection;
    idx.hidden = data.one;
    if (quiet(idx)) idx.value = filters.idx ?? "";
    if (quiet(text)) text.value = filters.text ?? "";
    if (streams.dataset.held !== JSON.stringify(data.streams)) {
      streams.dataset.held = JSON.stringify(data.streams);
      streams.replaceChildren(...data.streams.map(([name, shown]) => node("option", { value: name, label: shown })));
    }
  }

  function choices(list, options, chosen = "") {
    const all = options.some(([name]) => name === chosen) ? options : [...options, [chosen, chosen]];
    if (list.dataset.held !== JSON.stringify(all)) {
      list.dataset.held = JSON.stringify(all);
      list.replaceChildren(...all.map(([name, shown]) => node("option", { value: name }, shown)));
    }
    list.value = chosen;
  }

  // The buttons of a group stay where they are, so that the focus does.
  function buttons(group, wanted, kind, fill) {
    while (group.children.length > wanted.length) group.lastChild.remove();
    while (group.children.length < wanted.length) group.append(node("button", { class: kind, type: "button" }));
    const on = Math.max(0, [...group.children].findIndex((button) => button.tabIndex === 0 && button === document.activeElement));
    wanted.forEach((one, n) => {
      const button = group.children[n];
      button.dataset.key = one.key;
      button.classList.toggle("on", one.on);
      button.setAttribute("aria-pressed", one.on);
      button.tabIndex = n === on ? 0 : -1;
      button.replaceChildren(...fill(one));
    });
  }

  function drawChart(data) {
    const { stage = [], rule } = listing.filters;
    const chosen = (one, on) => (live ? one : { ...one, on });
    buttons(chips, data.stages.map((one) => chosen(one, stage.includes(one.key))), "fl-btn chip", (one) => [
      outcome(one.key, one.word), share(one.key, one.share * 36 + (one.share ? 4 : 0)), node("b", {}, one.count),
    ]);
    rules.querySelector(".more")?.remove();
    buttons(rules, data.rules.bars.map((one) => chosen(one, one.key === rule)), "rule", (one) => [
      share(one.stage, Math.max(one.share * 60, 2)), node("b", {}, one.count),
      node("span", { title: one.key }, outcome(one.stage), one.asks, " ", node("span", { class: "muted" }, one.of)),
    ]);
    if (data.rules.more) rules.append(node("span", { class: "muted more" }, data.rules.more));
    rules.hidden = !data.rules.bars.length;
  }

  function share(stage, width) {
    return node("i", { class: `share ${stage}`, style: `width:${width.toFixed(0)}px`, "aria-hidden": "true" });
  }

  function drawRows(data) {
    const { offset, n: selected } = model.get("place");
    const here = [];
    for (let place = offset; place < Math.min(offset + data.page, listing.total); place++) here.push(listing.at(place));
    // the former rows stay until the kernel has answered
    if (here.includes(undefined)) return;
    const had = body.contains(document.activeElement), rows = here;
    while (body.children.length < rows.length) body.append(newRow());
    heads[2].hidden = data.one;
    let focus = rows.findIndex((row) => row.n === selected);
    focus = focus < 0 ? 0 : focus;
    [...body.children].forEach((line, n) => {
      line.hidden = n >= rows.length;
      if (n < rows.length) fillRow(line, rows[n], { chosen: rows[n].n === selected, focus: n === focus, one: data.one, place: offset + n });
    });
    if (had && rows.length) body.children[focus].focus({ preventScroll: true });
    table.setAttribute("aria-rowcount", listing.total + 1);
    scroll.hidden = !rows.length;
    const paged = listing.total > data.page;
    scroll.style.minHeight = paged ? `${27 * data.page + 25}px` : "";
    pager.hidden = !paged || !rows.length;
    if (paged && rows.length) {
      const told = live ? data.told : listing.figure(listing.total - 1);
      where.textContent = `${listing.figure(offset)}–${listing.figure(offset + rows.length - 1)} of ${told}`;
      newer.disabled = offset === 0;
      older.disabled = offset + data.page >= listing.total;
    }
    drawEmpty(data, rows.length);
  }

  function newRow() {
    const cells = ["muted", "", "mono", "", "cut", "num"].map((name) => node("td", name ? { class: name } : {}));
    return node("tr", {}, ...cells);
  }

  function fillRow(line, row, { chosen, focus, one, place }) {
    const [time, by, stream, type, why, version] = line.children;
    line.dataset.place = place;
    line.classList.toggle("sel", chosen);
    line.setAttribute("aria-selected", chosen);
    line.setAttribute("aria-rowindex", place + 2);
    line.tabIndex = focus ? 0 : -1;
    time.textContent = row.time;
    by.replaceChildren(outcome(row.stage, row.word));
    stream.textContent = row.idx;
    stream.hidden = one;
    type.textContent = row.event;
    why.textContent = row.why;
    why.title = row.why;
    version.textContent = row.version;
  }

  function drawEmpty(data, rows) {
    empty.hidden = rows > 0 || listing.total > 0;
    if (empty.hidden) return;
    if (!data.of) empty.replaceChildren("What a gate refuses is kept here, outside the log: ", node("span", { class: "mono" }, "stream.append(event)"));
    else {
      const all = node("button", { class: "fl-btn", type: "button" }, "Show all");
      all.addEventListener("click", () => { ask({}, true); text.focus(); });
      empty.replaceChildren("No attempt fits these filters. ", all);
    }
  }

  function drawDetail() {
    const number = model.get("place").n, detail = listing.data.details[number];
    const absent = !detail && (number === 0 || !live);
    note.hidden = panels.hidden = absent;
    section.toggleAttribute("aria-busy", Boolean(number && !detail && live));
    if (absent) { say.textContent = ""; drawn = ""; return; }
    // the former panels stay until the kernel has answered
    if (!detail || drawn === JSON.stringify(detail)) return;
    drawn = JSON.stringify(detail);
    const { note: { tone, headline, reasons } } = detail;
    const first = outcome(tone, "");
    first.replaceChildren(glyph(CROSS));
    note.className = `fl-note ${tone}`;
    note.replaceChildren(node("p", {}, first, node("b", {}, headline)), ...reasons.map(([gate, word, why]) => (
      node("p", { class: "why" }, ...(gate ? [outcome(gate, word), " "] : []), node("span", {}, why)))));
    const stood = number === shown ? [...panels.children].map((panel) => panel.scrollTop) : [];
    const had = panels.contains(document.activeElement);
    panels.classList.toggle("duel", detail.duel);
    panels.replaceChildren(...detail.panels.map(drawPanel));
    stood.forEach((top, n) => { panels.children[n].scrollTop = top; });
    if (had) panels.lastChild.focus({ preventScroll: true });
    shown = number;
    if (say.textContent !== detail.say) say.textContent = detail.say;
  }

  function drawPanel({ caption, said, heads: titles, rows, above, below, way }, n) {
    const made = node("div", { class: n === 2 ? "fl-pad led" : "fl-pad", role: "region", tabindex: "0", "aria-label": caption }, node("p", { class: "fl-cap" }, caption));
    for (const one of said) made.append(node("p", { class: "muted" }, one));
    if (above) made.append(node("p", { class: "muted" }, above));
    const lines = rows.map(({ tone, cells }) => node("tr", tone ? { class: tone } : {}, ...cells.map(([word, classes, whole], at) => (
      node(at ? "td" : "th", { ...(classes ? { class: classes } : {}), ...(whole ? { title: whole } : {}), ...(at ? {} : { scope: "row" }) }, ...unbroken(word, classes))))));
    const top = titles.length ? [node("thead", {}, node("tr", {}, ...titles.map(([word, classes]) => node(word ? "th" : "td", classes ? { class: classes } : {}, word))))] : [];
    if (lines.length) made.append(node("table", {}, ...top, node("tbody", {}, ...lines)));
    if (below) made.append(way ? drawEarlier(below) : node("p", { class: "muted" }, below));
    return made;
  }

  // Times break between day and hour only.
  function unbroken(word, classes) {
    if (!classes.includes("keep") || classes.includes("fig")) return [word];
    return word.split(" ").flatMap((part, n) => [...(n ? [" "] : []), node("span", { class: "nw" }, part)]);
  }

  function drawEarlier(below) {
    if (!live) return node("p", { class: "muted" }, `… ${below}`);
    const button = node("button", { class: "lnk", type: "button" }, below);
    button.addEventListener("click", () => send({ earlier: model.get("place").n }));
    return button;
  }

  function drawFoot(data) {
    const { open, told: said, classes } = model.get("retrying");
    retry.hidden = !live;
    retry.disabled = !model.get("place").n || data.read_only;
    shut.hidden = !open;
    cls.hidden = !classes.length;
    choices(cls, [["", "choose the stream class"], ...classes.map((name, n) => [String(n), name])]);
    const closed = live ? (data.read_only ? "This lab is open for reading only." : said) : data.left_out;
    if (told.textContent !== closed) told.textContent = closed;
    if (open && pressed) intoForm(60);
  }

  // The form is drawn by ipywidgets, a moment later.
  function intoForm(frames) {
    pressed = false;
    const output = el.closest(".jp-OutputArea-child, .jp-OutputArea-output") ?? el.parentElement?.parentElement;
    const field = output?.querySelector(".fl-form .fl-field :is(input, textarea, select)");
    if (field) field.focus();
    else if (frames) requestAnimationFrame(() => intoForm(frames - 1));
  }

  // --- hands

  function choose(place) {
    if (!listing.total) return;
    const at = Math.min(Math.max(place, 0), listing.total - 1), row = listing.at(at), { page } = listing.data;
    if (row === undefined) {
      model.set("place", { ...model.get("place"), go: at });
      model.save_changes();
      return;
    }
    stands = { number: row.n, place: at };
    settle(row.n, Math.floor(at / page) * page);
    draw();
  }

  function settle(n, offset) {
    model.set("place", { n, offset, go: -1 });
    model.save_changes();
  }

  function step(by) {
    const { n, offset, go } = model.get("place"), found = listing.placeOf(n);
    const at = go >= 0 ? go : found < 0 && stands.number === n ? stands.place : found;
    choose(at < 0 ? offset : at + by);
  }

  function turn(by) { choose(model.get("place").offset + by * listing.data.page); }

  function ask(patch, anew = false) {
    const wanted = { ...(anew ? {} : model.get("filters")), ...patch };
    const kept = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value && value.length));
    model.set("filters", kept);
    if (!live) align();
    model.save_changes();
    draw();
  }

  // Without a kernel: the page of the selected attempt, or the first one that is left.
  function align() {
    const found = new Listing(model), { n } = model.get("place"), { page } = found.data, at = found.placeOf(n);
    if (at < 0) settle(found.total ? found.at(0).n : 0, 0);
    else settle(n, Math.floor(at / page) * page);
  }

  // What is typed in one field does not undo what was typed in the other a moment before.
  let typed = {};
  function soon(patch) {
    clearTimeout(waiting);
    Object.assign(typed, patch);
    waiting = setTimeout(() => { const all = typed; typed = {}; ask(all); }, live ? WAIT : 0);
  }

  function again() {
    if (!live || retry.disabled) return;
    pressed = true;
    send({ retry: model.get("place").n });
  }

  body.addEventListener("click", (event_) => {
    const line = event_.target.closest("tr");
    if (line) { choose(Number(line.dataset.place)); line.focus({ preventScroll: true }); }
  });
  chips.addEventListener("click", (event_) => {
    const key = event_.target.closest("button")?.dataset.key, now = model.get("filters").stage ?? [];
    if (key !== undefined) ask({ stage: now.includes(key) ? now.filter((one) => one !== key) : [...now, key] });
  });
  rules.addEventListener("click", (event_) => {
    const key = event_.target.closest("button")?.dataset.key;
    if (key !== undefined) ask({ rule: model.get("filters").rule === key ? "" : key });
  });
  for (const group of [chips, rules]) {
    group.addEventListener("keydown", (event_) => {
      const all = [...group.querySelectorAll("button")], at = all.indexOf(event_.target);
      const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event_.key];
      const next = event_.key === "Home" ? all[0] : event_.key === "End" ? all.at(-1) : all[at + by];
      if (at < 0 || !next) return;
      event_.preventDefault();
      for (const one of all) one.tabIndex = one === next ? 0 : -1;
      next.focus();
    });
  }
  event.addEventListener("change", () => ask({ event: event.value }));
  projection.addEventListener("change", () => ask({ projection: projection.value }));
  idx.addEventListener("input", () => soon({ idx: idx.value.trim() }));
  text.addEventListener("input", () => soon({ text: text.value.trim() }));
  newer.addEventListener("click", () => turn(-1));
  older.addEventListener("click", () => turn(1));
  retry.addEventListener("click", again);
  shut.addEventListener("click", () => send({ close: true }));
  cls.addEventListener("change", () => {
    if (cls.value === "") return;
    pressed = true;
    send({ retry: model.get("retrying").number, among: Number(cls.value) });
  });

  const toGrid = () => (body.querySelector('tr[tabindex="0"]') ?? text).focus();
  const moves = {
    ArrowUp: () => step(-1), ArrowDown: () => step(1), PageUp: () => step(-10), PageDown: () => step(10),
    Home: () => choose(0), End: () => choose(listing.total - 1), Enter: again,
    Escape: () => { settle(0, model.get("place").offset); draw(); },
  };
  section.addEventListener("keydown", (event_) => {
    if (event_.ctrlKey || event_.metaKey || event_.altKey || event_.key === "Tab" || (event_.shiftKey && event_.key === "Enter")) return;
    event_.stopPropagation(); // what is typed here is no command of the notebook
    if (event_.target === text || event_.target === idx) {
      if (event_.key === "Escape") { event_.target.value = ""; soon({ [event_.target === text ? "text" : "idx"]: "" }); }
      if (event_.key === "Escape" || event_.key === "Enter") { event_.preventDefault(); toGrid(); }
      return;
    }
    if (event_.target.tagName === "SELECT") return;
    const act = body.contains(event_.target) ? moves[event_.key] : undefined;
    const other = { "/": () => text.focus(), e: again, E: again }[event_.key];
    if (!act && !other) return;
    event_.preventDefault();
    (act ?? other)();
  });

  // --- what Python says

  let due = false;
  const heard = () => {
    if (due) return;
    due = true;
    queueMicrotask(() => { due = false; draw(); });
  };
  const names = ["data", "filters", "place", "retrying", "fault"];
  for (const name of names) model.on(`change:${name}`, heard);
  if (!live) align();
  draw();
  return () => {
    clearTimeout(waiting);
    for (const name of names) model.off(`change:${name}`, heard);
  };
}

export default { render };
