function estimateAt(from) {
  const row = estimateShare(positionOf(from), from.of, from.frame, from.year);
  return from.def === NOTHING && !from.in.length ? { ...row, share: null, low: null, high: null } : row;
}

function drawTrack(row) {
  const track = make("span", { class: "track", "aria-hidden": "true" });
  if (row.share === null) return track;
  const band = make("span", { class: "band" });
  const dot = make("span", { class: "dot" });
  band.style.left = `${100 * row.low}%`;
  band.style.width = `${100 * (row.high - row.low)}%`;
  dot.style.left = `${100 * row.share}%`;
  track.append(band, dot);
  return track;
}

function startExplorer(go) {
  const selects = { frame: byId("x-frame"), year: byId("x-year"), of: byId("x-of") };
  selects.frame.addEventListener("change", () => go({ frame: selects.frame.value, year: "" }));
  selects.year.addEventListener("change", () => go({ year: selects.year.value }));
  selects.of.addEventListener("change", () => go({ of: selects.of.value }));
  byId("x-reset").addEventListener("click", () => go({ in: [], out: [], def: state.def === NOTHING ? START.def : state.def }));
  byId("x-copy").addEventListener("click", copyLink);
  buildLadder(go);
  buildLines(go);
}

async function copyLink() {
  const address = location.href.split("#")[0] + writeState({ ...state, show: "explorer", doc: "" });
  const field = byId("x-link");
  field.value = address;
  byId("x-link-row").hidden = false;
  field.select();
  try {
    await navigator.clipboard.writeText(address);
    byId("x-copied").textContent = "Copied.";
  } catch {
    byId("x-copied").textContent = "Select the link and copy it.";
  }
}

function buildLadder(go) {
  const rung = (id, title, reading) => {
    const input = make("input", { type: "radio", name: "definition", value: id });
    input.addEventListener("change", () => go({ def: id, in: [], out: [] }));
    const words = make("span", { class: "words" }, title, make("span", { class: "small reading" }, reading));
    return make("label", { class: "rung", data: { definition: id } }, input, words, make("span", { class: "place" }), make("span", { class: "n figure-cell" }));
  };
  const nested = design.definitions.filter((definition) => definition.nested);
  const beside = design.definitions.filter((definition) => !definition.nested);
  byId("x-ladder").append(
    ...nested.map((definition) => rung(definition.id, definition.title, definition.reading)),
    make("p", { class: "small rung-break" }, "Beside the ladder"),
    ...beside.map((definition) => rung(definition.id, definition.title, definition.reading)),
    rung(NOTHING, "Your own: only what is ticked below", "start from nothing"),
  );
}

function buildLines(go) {
  const chip = (code) => {
    const box = make("input", { type: "checkbox", value: code });
    box.addEventListener("change", () => go(moveLine(code, box.checked)));
    const hint = design.hints[code];
    const label = make("label", { class: "chip", data: { code } }, box, make("b", {}, code), ` ${design.leaves[code]}`);
    if (hint) label.append(make("span", { class: "small" }, ` (${hint})`));
    return label;
  };
  byId("x-contested").append(...design.contested.map(chip));
  byId("x-other").append(...Object.keys(design.leaves).filter((code) => !design.contested.includes(code)).map(chip));
}

// Ticking a line that the definition does not hold moves it in; unticking one that it holds moves it out.
function moveLine(code, isTicked) {
  const without = (codes) => codes.filter((item) => item !== code);
  const holds = holdsLeaf(state.def, code);
  return {
    in: isTicked && holds !== "all" ? [...without(state.in), code] : without(state.in),
    out: !isTicked && holds !== "none" ? [...without(state.out), code] : without(state.out),
  };
}

// Whether a definition counts a leaf whatever the axes say, for some axes only, or never.
function holdsLeaf(id, code) {
  if (id === NOTHING) return "none";
  const query = definitionOf.get(id);
  if (isSetOfLeaves(query)) return matchQuery(query, { leaf: code, confidence: Infinity }) ? "all" : "none";
  return query.count_second || matchLeaf(query, code) ? "some" : "none";
}

function renderExplorer() {
  fillYears();
  byId("x-frame").value = state.frame;
  byId("x-of").value = state.of;
  for (const rung of document.querySelectorAll(".rung")) {
    const id = rung.dataset.definition;
    const isChosen = id === state.def;
    rung.querySelector("input").checked = isChosen;
    rung.classList.toggle("chosen", isChosen);
    const row = estimateAt(isChosen ? state : { ...state, def: id, in: [], out: [] });
    rung.dataset.exact = JSON.stringify(row);
    rung.querySelector(".place").replaceChildren(drawTrack(row));
    rung.querySelector(".figure-cell").replaceChildren(make("b", {}, formatPercent(row.share)), " ", make("span", { class: "small" }, formatInterval(row)));
  }
  for (const chip of document.querySelectorAll(".chip")) {
    const { code } = chip.dataset;
    const holds = holdsLeaf(state.def, code);
    const box = chip.querySelector("input");
    box.checked = state.in.includes(code) || (holds !== "none" && !state.out.includes(code));
    box.indeterminate = holds === "some" && !state.in.includes(code) && !state.out.includes(code);
    chip.classList.toggle("moved", state.in.includes(code) || state.out.includes(code));
  }
  renderResult();
}

function fillYears() {
  const years = design.domains.filter((domain) => domain.frame === state.frame).map((domain) => domain.year);
  const select = byId("x-year");
  select.replaceChildren(...years.map((year) => make("option", { value: year }, year || "all years")));
  select.value = state.year;
  select.disabled = years.length < 2;
}

function renderResult() {
  const row = estimateAt(state);
  const result = byId("x-result");
  result.dataset.exact = JSON.stringify(row);
  byId("x-share").textContent = formatPercent(row.share);
  byId("x-interval").textContent = row.share === null ? "nothing is ticked, or no read document is in the denominator" : `${formatInterval(row)} (${Math.round(100 * design.level)}% interval)`;
  byId("x-says").textContent =
    `of ${design.denominators[state.of].title} in ${sayDomain(state)}, if “${sayPosition(state)}” is ${design.direct}. ` +
    `${formatCount(row.n_read)} of ${formatCount(row.n_population)} documents were read.`;
  byId("x-quotable").hidden = byId("x-frame").selectedOptions[0].dataset.quotable === "yes";
  const link = byId("x-documents");
  link.href = writeState({ ...state, show: "documents", doc: "" });
  link.textContent = `See the ${formatCount(row.n_read)} read documents behind it`;
}
