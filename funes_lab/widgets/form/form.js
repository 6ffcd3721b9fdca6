// What ipywidgets cannot do for a form: its name and its errors for a screen reader, and Ctrl+Enter.
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
  const found = () => {
    host = el.closest(".fl-form");
    if (!host) return void requestAnimationFrame(found);
    host.setAttribute("role", "region");
    host.setAttribute("aria-label", model.get("label"));
    // on the way down: the text fields of ipywidgets let no key out
    host.addEventListener("keydown", press, true);
    watch.observe(host, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
  };
  found();
  return () => {
    watch.disconnect();
    if (host) host.removeEventListener("keydown", press, true);
  };
}

export default { render };
