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

// A link to a cluster leads to a closed part of the page: it opens.
function openPart() {
  const part = byId(location.hash.slice(1));
  if (!part || part.tagName !== "DETAILS") return;
  part.open = true;
  part.scrollIntoView();
  part.querySelector("summary").focus({ preventScroll: true });
}

function takeLink(isFirst) {
  if (!location.hash.includes("=")) {
    openPart();
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
document.documentElement.classList.add("ready");
// The map is drawn when it is about to be seen: the rest of the page does not wait for it.
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  startMap();
}, { rootMargin: "600px" }).observe(byId("map"));
