(() => {
  // Ctrl+K and / go to the field of the lookup. The server opens its dialog a moment later: what is
  // typed or pasted meanwhile is kept, and put into the field.
  const DIALOG = ".st-key-lookup input", PLACE = ".st-key-find input", BUTTON = ".st-key-quick button";
  const PATIENCE = 5000, SETTLED = 400;  // milliseconds
  let kept = null, since = 0;

  const editable = target => target.isContentEditable ||
    ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
  const put = (field, text) => {
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
    set.call(field, text);
    field.dispatchEvent(new Event("input", {bubbles: true}));
  };
  const take = field => {
    field.focus();
    // Streamlit keeps the text of a field that was closed.
    if (kept !== field.value) put(field, kept);
    kept = null;
    // A dialog gives the focus to its first button once it is drawn.
    const until = performance.now() + SETTLED;
    const hold = () => {
      if (field.isConnected && document.activeElement !== field &&
          document.activeElement?.closest("[role=dialog]")?.contains(field)) field.focus();
      if (performance.now() < until) requestAnimationFrame(hold);
    };
    hold();
  };
  const wait = () => {
    if (kept === null) return;
    const field = document.querySelector(DIALOG);
    if (field) take(field);
    else if (performance.now() - since > PATIENCE) kept = null;
    else requestAnimationFrame(wait);
  };
  const begin = () => {
    kept = kept ?? "";
    since = performance.now();
    wait();
  };
  const open = () => {
    const dialog = document.querySelector(DIALOG), place = document.querySelector(PLACE);
    const field = dialog ?? (document.querySelector("[role=dialog]") ? null : place);
    const button = document.querySelector(BUTTON);
    if (field) { field.focus(); field.select(); return true; }
    if (!button) return false;
    button.click();
    return true;
  };
  const stop = event => { event.preventDefault(); event.stopImmediatePropagation(); };

  addEventListener("keydown", event => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const asked = event.key === "/" ? plain && !editable(event.target) && kept === null
      : (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k";
    if (asked) { if (open()) stop(event); return; }
    if (kept === null) return;
    if (event.key === "Escape") { kept = null; return; }
    if (event.key === "Backspace") kept = kept.slice(0, -1);
    else if (plain && event.key.length === 1) kept += event.key;
    else if (event.key !== "Enter") return;
    stop(event);
  }, true);
  addEventListener("paste", event => {
    if (kept === null) return;
    kept += event.clipboardData.getData("text");
    stop(event);
  }, true);
  addEventListener("click", event => {
    if (event.target.closest?.(BUTTON)) begin();
  }, true);
})();
