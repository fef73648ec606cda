// A position of one's own: a rung of the ladder to start from, and lines to move in or out.
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

function startExplorer() {
  byId("x-reset").addEventListener("click", () => go({ in: [], out: [], name: "", def: state.def === NOTHING ? START.def : state.def }));
  byId("x-name").addEventListener("change", () => go({ name: byId("x-name").value.trim().slice(0, LONGEST_WORD) }));
  buildLadder();
  buildLines();
}

function buildLadder() {
  const rung = (id, title, reading) => {
    const input = make("input", { type: "radio", name: "definition", value: id });
    input.addEventListener("change", () => go({ def: id, in: [], out: [], name: "" }));
    const says = make("span", { class: "words" }, title, make("span", { class: "small reading" }, reading));
    return make("label", { class: "rung", data: { definition: id } }, input, says, make("span", { class: "place" }), make("span", { class: "n figure-cell" }));
  };
  const nested = design.definitions.filter((definition) => definition.nested);
  const beside = design.definitions.filter((definition) => !definition.nested);
  // Each rung says what it brings in: nothing comes silently.
  const bringsIn = (definition, number) => {
    const holds = (item) => allLeaves.filter((leaf) => matchLeaf(item, leaf));
    const before = number ? holds(nested[number - 1]) : [];
    const added = holds(definition).filter((leaf) => !before.includes(leaf));
    return number && added.length ? `all of the rung above, and ${added.map(sayCode).join(", ")}` : isSetOfLeaves(definition) ? sayCounted({ ...START, def: definition.id }) : "only where the text says so: a bound from below";
  };
  byId("x-ladder").append(
    ...nested.map((definition, number) => rung(definition.id, definition.title, `${definition.reading}: ${bringsIn(definition, number)}`)),
    make("p", { class: "small rung-break" }, "Beside the ladder"),
    ...beside.map((definition) => rung(definition.id, definition.title, definition.reading)),
    rung(NOTHING, "Your own: only what is ticked below", "start from nothing"),
  );
}

function buildLines() {
  const chip = (code) => {
    const box = make("input", { type: "checkbox", value: code });
    box.addEventListener("change", () => go({ ...moveLine(code, box.checked), name: "" }));
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
    in: (isTicked && holds !== "all" ? [...without(state.in), code] : without(state.in)).sort(),
    out: (!isTicked && holds !== "none" ? [...without(state.out), code] : without(state.out)).sort(),
  };
}

// Whether a definition counts a leaf whatever the axes say, for some axes only, or never.
function holdsLeaf(id, code) {
  if (id === NOTHING) return "none";
  const query = definitionOf.get(id);
  if (isSetOfLeaves(query)) return matchQuery(query, { leaf: code, confidence: Infinity }) ? "all" : "none";
  return query.count_second || matchLeaf(query, code) ? "some" : "none";
}

// A text as TOML has it: what JSON escapes, and the one sign more that TOML wants escaped.
const tomlText = (text) => JSON.stringify(text).replaceAll("\u007f", "\\u007f");

// The chosen position as an entry of positions.toml.
function writePosition() {
  const title = sayPosition(state);
  const id = title.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "mine";
  const lines = [["id", id], ["title", title], ["who", "who holds it"], ["says", sayCounted(state)]];
  if (state.def !== NOTHING) lines.push(["definition", state.def]);
  const moved = [["include", state.in], ["exclude", state.out]].filter(([, codes]) => codes.length);
  return ["[[positions]]", ...lines.map(([key, text]) => `${key} = ${tomlText(text)}`), ...moved.map(([key, codes]) => `${key} = [${codes.map(tomlText).join(", ")}]`)].join("\n");
}

function renderExplorer() {
  byId("x-name").value = state.name;
  byId("x-toml").textContent = writePosition();
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
}
