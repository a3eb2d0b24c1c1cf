(() => {
  // Streamlit's table reports what is selected only while the pointer is over it: once it has left,
  // keys do nothing, nor does a press as fast as the way back into the table. While a table has the
  // focus, it is told that the pointer is over the row with the frame.
  const CELL = /^glide-cell-\d+-(\d+)$/, TABLE = "[data-testid=stDataFrame]";
  const HEADER = 36, REST = 100;  // pixels, milliseconds

  const hold = () => {
    const cell = document.activeElement;
    const table = cell?.closest?.(TABLE);
    const canvas = table?.querySelector("canvas"), scroller = table?.querySelector(".dvn-scroller");
    const rows = Number(canvas?.querySelector("table")?.getAttribute("aria-rowcount")) - 1;
    if (!scroller || !(rows > 0)) return;
    const box = canvas.getBoundingClientRect(), height = (scroller.scrollHeight - HEADER) / rows;
    const row = Number(CELL.exec(cell.dataset.testid)?.[1] ?? 0);
    const y = HEADER + (row + 0.5) * height - scroller.scrollTop;
    canvas.dispatchEvent(new PointerEvent("pointermove", {
      bubbles: true,
      pointerType: "mouse",
      clientX: box.left + 8,
      clientY: box.top + Math.min(Math.max(y, HEADER + 1), box.height - 2),
    }));
  };
  let waiting = 0;
  // Once the pointer rests: the table must have drawn that it has left before it is told otherwise.
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(hold, REST);
  };
  let isFromDialog = false;
  window.addEventListener("focusin", event => {
    // A drawer that closes gives the focus back to the cell that had it. The table would take that
    // for a selection, and the drawer would open again.
    if (isFromDialog && CELL.test(event.target.dataset?.testid)) {
      event.stopPropagation();
      const canvas = event.target.closest("canvas");
      queueMicrotask(() => canvas.focus({preventScroll: true}));
    }
    isFromDialog = Boolean(event.target.closest?.("[role=dialog]"));
    wait();
  }, {capture: true});
  document.addEventListener("pointermove", event => {
    if (event.isTrusted && !event.target.closest?.(TABLE)) wait();
  });
})();
