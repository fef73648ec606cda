// One document: its facts, and what each coder said of it.
let openedHere = false;

function startDetail() {
  const dialog = byId("detail");
  byId("detail-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    if (!state.doc) return;
    if (openedHere) history.back();
    else go({ doc: "", show: state.show });
  });
}

function renderDetail() {
  const dialog = byId("detail");
  const place = placeOf.get(state.doc);
  if (place === undefined) {
    if (dialog.open) dialog.close();
    return;
  }
  byId("detail-title").textContent = atlas.title[place] || "(no title)";
  byId("detail-body").replaceChildren(...drawFacts(place), ...drawReadings(place));
  if (!dialog.open) dialog.showModal();
}

function drawFacts(place) {
  const facts = [
    ["Link", linkOrText(atlas.url[place], atlas.url[place] || "none known")],
    ["Authors", atlas.authors[place] || "not known"],
    ["Published", atlas.date[place] || "not known"],
    ["Frame", atlas.frames[atlas.frame[place]].title],
    ...atlas.layers.map((layer) => [`Cluster (${layer.name})`, layer.names[layer.member[place]] || "none"]),
    ...(atlas.predicted ? [["Predicted group", sayGroup(atlas.predicted[place])]] : []),
    ...(atlas.has_meaning ? [["Alike", make("a", { href: `#like=${encodeURIComponent(atlas.id[place])}&show=map` }, "show what is nearest in meaning on the map")]] : []),
    ["Id", make("code", {}, atlas.id[place])],
  ];
  return [make("dl", { class: "facts" }, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))))];
}

const sayGroup = (number) => {
  const code = Object.keys(design.groups)[number];
  return code ? `${code} ${design.groups[code]}` : "none";
};

function drawReadings(place) {
  const unit = unitOf.get(place);
  if (unit === undefined) return [make("p", {}, "Nobody has read this document: it was not drawn into the sample.")];
  const heads = ["coder", "leaf", "second", ...AXES, "confidence", "note"];
  const kind = design.units.reader_kind[unit];
  const rows = [
    ...readers.flatMap((reader, number) => (reader[unit] ? [drawReading(`reader ${number + 1}`, kind, reader[unit])] : [])),
    adjudicator[unit] && adjudicator[unit].is_person ? drawReading("settled", "person", adjudicator[unit]) : drawReading("adjudicator", adjudicator[unit] ? "language model" : "", adjudicator[unit]),
  ];
  const denominator = design.denominators[state.of];
  const codes = settledCodes(unit);
  const counted = design.definitions.filter((definition) => matchDenominator(denominator, codes) && matchPosition({ query: definition, include: [], exclude: [] }, codes));
  const why = { agree: "The readers agreed and were sure", doubtful: "The readers agreed, one of them without being sure", disagree: "The readers disagreed", "picked by a person": "The readers agreed, and a person chose to read it", surprising: "The readers agreed on a code that the classifier hardly expected", single: "One reader coded it", screened: "A screener marked its title and first words", split: "The readers disagreed, no ruling was to be drawn, and each counts in part" }[design.units.phase2[unit]] || design.units.phase2[unit];
  return [
    make("h3", {}, "Who coded it, and how"),
    make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "codes" },
      make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...rows))),
    make("p", {}, `${why}. ${adjudicator[unit] ? (adjudicator[unit].is_person ? "A person settled it." : "An adjudicator settled it.") : "It was not adjudicated: it takes the mean of adjudicated documents on which the readers said the same."}`),
    make("p", {}, counted.length ? `Counts as ${design.direct} under: ${counted.map((definition) => definition.id.replaceAll("_", " ")).join(", ")}.${sayWhy(codes)}` : `Counts as ${design.direct} under no definition of the ladder.${sayWhy(codes)}`),
  ];
}

function drawReading(role, kind, codes) {
  const head = make("th", { scope: "row" }, role, make("span", { class: "small" }, ` ${kind}`));
  if (!codes) return make("tr", {}, head, make("td", { colspan: String(4 + AXES.length) }, "not adjudicated"));
  const cell = (text, title) => make("td", {}, title ? make("abbr", { title }, text) : text);
  return make("tr", {}, head,
    cell(codes.leaf, sayLeaf(codes.leaf)), cell(codes.leaf2, codes.leaf2 && sayLeaf(codes.leaf2)),
    ...AXES.map((axis) => cell(codes[axis], codes[axis] && design.axes[axis][codes[axis]])),
    cell(String(codes.confidence), (design.axes.confidence || {})[codes.confidence]), cell(codes.note));
}

// Why it counts, or does not, for the position in the link.
function sayWhy(codes) {
  const isInside = matchDenominator(design.denominators[state.of], codes);
  const says = !isInside ? "is outside the denominator" : matchPosition(positionOf(state), codes) ? "counts" : "does not count";
  return ` For the chosen position it ${says}: its settled code is ${sayLeaf(codes.leaf)}.`;
}
