// What ipywidgets cannot do for a form: its name and its errors for a screen reader, and its keys.
let count = 0;

function describe(field) {
  const bad = field.classList.contains("bad");
  const own = field.querySelectorAll(":scope > .fl-row input, :scope > .fl-row textarea, :scope > .fl-row select");
  const said = field.querySelector(":scope > .fl-errs .err");
  if (said && !said.id) said.id = `fl-err-${(count += 1)}`;
  for (const control of own) {
    control.setAttribute("aria-invalid", String(bad));
    if (bad && said) control.setAttribute("aria-describedby", said.id);
    else control.removeAttribute("aria-describedby");
  }
}

function render({ model, el }) {
  let host = null;
  const watch = new MutationObserver(() => host.querySelectorAll(".fl-field").forEach(describe));
  const press = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ pressed: "append" });
  };
  // a button of ours has the focus while the notebook is in command mode
  const keep = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
    event.stopPropagation();
  };
  const found = () => {
    host = el.closest(".fl-form");
    if (!host) return void requestAnimationFrame(found);
    host.setAttribute("role", "region");
    host.setAttribute("aria-label", model.get("label"));
    // on the way down: the text fields of ipywidgets let no key out
    host.addEventListener("keydown", press, true);
    host.addEventListener("keydown", keep);
    watch.observe(host, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
  };
  found();
  return () => {
    watch.disconnect();
    if (!host) return;
    host.removeEventListener("keydown", press, true);
    host.removeEventListener("keydown", keep);
  };
}

export default { render };
