// One way to change what is seen: the state, its link and everything on the page move together.
let written = "";
function go(change, isReplaced = false) {
  const before = state;
  state = settleState({ ...state, show: "", doc: "", ...change });
  written = writeState(state);
  if (isReplaced) history.replaceState(null, "", written);
  else if (written !== location.hash) history.pushState(null, "", written);
  renderAll(before);
  say([]);
  if (state.show && !state.doc) reveal(state.show);
}

const POSITION_KEYS = ["frame", "year", "def", "in", "out", "of", "by", "vs", "name"];
const hasMoved = (before, keys) => !before || keys.some((key) => String(before[key]) !== String(state[key]));
function renderAll(before) {
  if (hasMoved(before, POSITION_KEYS)) {
    renderChoices();
    renderExplorer();
    renderResult();
    renderTrend();
    renderPositions();
    renderFollowers();
  }
  if (hasMoved(before, ["frame", "year", "agenda"])) renderAgendas();
  if (hasMoved(before, [...POSITION_KEYS, "counts", "leaf", "phase", "find"])) renderDocuments(before);
  renderMap(before);
  renderDetail();
}

// Agendas of the page that the chosen position counts are marked.
function renderFollowers() {
  for (const row of document.querySelectorAll("[data-members]")) {
    const members = row.dataset.members.split(",");
    const counted = members.filter((leaf) => countsLeaf(state, leaf)).length;
    row.classList.toggle("counted", counted === members.length);
    row.classList.toggle("part-counted", counted > 0 && counted < members.length);
  }
}

// A part of the page comes into sight: whatever it is folded into opens.
function reveal(name) {
  const part = partOfPage(name);
  if (!part) return;
  for (let node = part; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  const inner = part.matches("section, div") ? part.querySelector(":scope > details") : null;
  if (inner) inner.open = true;
  keepClear();
  part.scrollIntoView();
  const target = part.matches("details") ? part.querySelector("summary") : byId(`${name}-title`) || part;
  target.focus({ preventScroll: true });
}

function say(wrong) {
  byId("l-wrong").hidden = !wrong.length;
  byId("l-wrong").textContent = wrong.length ? `This link asks for what this page does not have: ${wrong.join("; ")}. The default stands in its place.` : "";
}

// The address is what counts: at the first opening, after Back, and when somebody writes another one. What it says of a
// document that is not in the page waits for the file beside it; the rest is seen at once.
function takeLink(isFirst) {
  const asked = location.hash;
  if (!isFirst && asked === written) return;
  if (isBeyond(asked)) openAtlas().catch(sayMissing).then(() => { if (location.hash === asked) openLink(false, false); });
  openLink(isFirst, isBeyond(asked));
}
function openLink(isFirst, isPending) {
  const before = isFirst ? null : state;
  const [next, wrong] = parseState(location.hash);
  openedHere = !isFirst && Boolean(next.doc);
  state = next;
  written = location.hash;
  renderAll(before);
  say(isPending ? [] : wrong);
  if (state.show && !state.doc && !(before && before.doc)) reveal(state.show);
}

// A link within the page changes what it names and keeps the rest.
function followLink(event) {
  const link = event.target.closest && event.target.closest('a[href^="#"]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const follow = () => {
    const [given, wrong] = readKeys(link.getAttribute("href"));
    openedHere = "doc" in given;
    if (!wrong.length) go(mergeLink(given));
  };
  if (isBeyond(link.hash)) openAtlas().then(follow, sayMissing);
  else follow();
}

// A table on a narrow screen becomes a list of its rows: each cell says which column it is of.
function labelCells(table) {
  const heads = [...table.querySelectorAll("thead th")].filter((head) => !head.hidden).map((head) => head.textContent);
  for (const row of table.tBodies[0]?.rows || []) [...row.cells].forEach((cell, place) => { cell.dataset.label = heads[place] || ""; });
  table.setAttribute("role", "table");
  for (const [part, role] of [["thead, tbody", "rowgroup"], ["tr", "row"], ["thead th", "columnheader"], ["tbody th", "rowheader"], ["td", "cell"]]) for (const node of table.querySelectorAll(part)) node.setAttribute("role", role);
}

startResult();
startTrend();
startPositions();
startExplorer();
startAgendas();
startDocuments();
startDetail();
document.querySelectorAll("main table").forEach(labelCells);
document.addEventListener("click", followLink);
addEventListener("hashchange", () => takeLink(false));
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("main details:not([open], .cluster, .agenda)")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
takeLink(true);
document.documentElement.classList.add("ready");
// The map comes when it is about to be seen: the rest of the page does not wait for it.
if (byId("map")) new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  openAtlas().then(() => { startMap(); sayMissing(null); }, sayMissing);
}, { rootMargin: "300px" }).observe(byId("map"));
