function go(change, isPushed = false) {
  const next = { ...state, show: "", ...change };
  if (isPushed) {
    location.hash = writeState(next);
    return;
  }
  state = next;
  history.replaceState(history.state, "", writeState(state));
  renderAll();
}

function renderAll() {
  renderExplorer();
  renderDocuments();
  renderDetail();
}

function takeLink(isFirst) {
  if (!location.hash.includes("=")) {
    if (state.doc) {
      state = { ...state, doc: "" };
      renderDetail();
    }
    return;
  }
  const before = state;
  state = parseState(location.hash);
  openedHere = !isFirst && Boolean(state.doc);
  renderAll();
  if (state.show && !state.doc && !before.doc) {
    const heading = byId(`${state.show}-title`);
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  }
}

startExplorer(go);
startDocuments();
startDetail(go);
renderAll();
addEventListener("hashchange", () => takeLink(false));
takeLink(true);
startMap();
document.documentElement.classList.add("ready");
