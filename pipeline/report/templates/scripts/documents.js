const PAGE_ROWS = 15;
let shownRows = PAGE_ROWS;
let mostReaders = readers.length; // of a document of the chosen frame and window: no columns for others

// Every read document of the chosen frame and year, with what it counts for at the chosen position, and at the other.
function listUnits() {
  const domain = domainOf(state.frame, state.year);
  const position = positionOf(state);
  const denominator = design.denominators[state.of];
  const other = state.vs ? positionOf({ ...state, ...stateOf(state.vs) }) : null;
  return domain.units.map((unit) => {
      const place = unit;
      const codes = settledCodes(unit);
      const isInside = matchDenominator(denominator, codes);
      return {
        unit,
        stratum: design.units.stratum[unit],
        place,
        codes,
        reads: readers.map((reader) => reader[unit]),
        adjudicated: adjudicator[unit],
        status: !isInside ? "outside" : matchPosition(position, codes) ? "counts" : "does not count",
        other: !other || !isInside ? "" : matchPosition(other, codes) ? "counts" : "does not count",
        phase2: design.units.phase2[unit],
      };
    });
}

function filterUnits(units) {
  const words = state.find.trim().toLowerCase();
  const { counts: status, leaf, phase } = state;
  const hasStatus = (unit) =>
    status === "only the first" ? unit.status === "counts" && unit.other === "does not count"
      : status === "only the second" ? unit.status === "does not count" && unit.other === "counts" : unit.status === status;
  return units.filter(
    (unit) =>
      (!words || `${atlas.title[unit.place]} ${atlas.authors[unit.place]}`.toLowerCase().includes(words)) &&
      (!status || hasStatus(unit)) &&
      (!leaf || unit.codes.leaf === leaf || unit.codes.group === leaf) &&
      (!phase || (phase === "adjudicated" ? Boolean(unit.adjudicated) : unit.phase2 === phase)),
  );
}

function startDocuments() {
  const leaf = byId("d-leaf");
  for (const [code, name] of Object.entries(design.groups)) {
    const group = make("optgroup", { label: `${code} ${name}` }, make("option", { value: code }, `all of ${code}`));
    for (const [item, title] of Object.entries(design.leaves)) if (groupOf[item] === code) group.append(make("option", { value: item }, `${item} ${title}`));
    leaf.append(group);
  }
  const listen = (id, key, isTyped) => {
    const change = () => go({ [key]: byId(id).value, show: state.show, doc: "" }, isTyped);
    byId(id).addEventListener(isTyped ? "input" : "change", isTyped ? debounce(change, 120) : change);
  };
  listen("d-search", "find", true);
  listen("d-status", "counts");
  listen("d-leaf", "leaf");
  listen("d-phase", "phase");
  byId("d-more").addEventListener("click", () => {
    shownRows += 10 * PAGE_ROWS;
    renderDocuments(state);
  });
  byId("d-csv").addEventListener("click", downloadUnits);
}

function renderDocuments(before) {
  if (before !== state) shownRows = PAGE_ROWS;
  for (const [id, key] of [["d-status", "counts"], ["d-leaf", "leaf"], ["d-phase", "phase"]]) byId(id).value = state[key];
  if (byId("d-search") !== document.activeElement) byId("d-search").value = state.find;
  const units = listUnits();
  const kept = filterUnits(units);
  mostReaders = Math.max(1, ...units.map((unit) => unit.reads.filter(Boolean).length));
  for (const head of document.querySelectorAll("#documents th[data-reader]")) head.hidden = Number(head.dataset.reader) > mostReaders;
  const number = (status) => units.filter((unit) => unit.status === status).length;
  byId("d-says").textContent =
    `${sayDomain(state)}; ${sayPosition(state)}. ${formatCount(units.length)} documents were read: ` +
    `${formatCount(number("counts"))} count, ${formatCount(number("does not count"))} do not, ${formatCount(number("outside"))} are outside the denominator.` +
    sayDeciding(units);
  byId("d-count").textContent = kept.length === units.length ? "" : `${formatCount(kept.length)} match the filters.`;
  byId("d-rows").replaceChildren(...kept.slice(0, shownRows).map(drawUnit));
  byId("d-more").hidden = kept.length <= shownRows;
  byId("d-more").textContent = `Show more (${formatCount(kept.length - shownRows)} left)`;
}

// What two positions disagree on: the documents that decide between them.
function sayDeciding(units) {
  if (!state.vs) return "";
  const [first, second] = ["counts", "does not count"].map((status) => units.filter((unit) => unit.other && unit.status === status && unit.other !== status).length);
  return ` Beside the other position: ${formatCount(first)} count for the first alone, ${formatCount(second)} for the second alone.`;
}

const drawCode = (codes) => (codes ? make("span", { title: sayLeaf(codes.leaf) }, make("b", {}, codes.leaf), make("span", { class: "small" }, ` ${shortName(codes.leaf)}`)) : "–");

function drawUnit(unit) {
  const open = make("a", { href: writeState({ ...state, show: "documents", doc: atlas.id[unit.place] }), class: "opens" }, atlas.title[unit.place] || "(no title)");
  const heads = readers.map((_, number) => `reader ${number + 1}`);
  const cell = (label, settings, ...children) => make("td", { ...settings, role: "cell", data: { label } }, ...children);
  return make(
    "tr",
    { role: "row" },
    make("th", { scope: "row", role: "rowheader" }, open),
    cell("year", {}, String(atlas.year[unit.place] || "")),
    ...unit.reads.slice(0, mostReaders).map((codes, number) => cell(heads[number], {}, drawCode(codes))),
    cell("adjudicated", {}, drawCode(unit.adjudicated)),
    cell(design.direct, { class: `status ${unit.status.replaceAll(" ", "-")}` }, unit.status, unit.other && unit.other !== unit.status ? make("span", { class: "small" }, ` (${unit.other} for the second)`) : ""),
  );
}

// Cells that a spreadsheet would run as a formula get an apostrophe, as in tables.py.
function csvCell(value) {
  const text = String(value ?? "");
  const safe = typeof value === "string" && /^\s*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function writeCsv(units) {
  const names = readers.map((_, number) => `reader_${number + 1}`);
  const head = ["doc_id", "title", "url", "published_date", "status", "phase2_stratum", ...names.map((name) => `${name}_leaf`), "adjudicated_leaf", "leaf", ...AXES, "confidence", "definition", "denominator"];
  const rows = units.map((unit) => [
    atlas.id[unit.place], atlas.title[unit.place], atlas.url[unit.place], atlas.date[unit.place], unit.status, unit.phase2,
    ...unit.reads.map((codes) => (codes ? codes.leaf : "")), unit.adjudicated ? unit.adjudicated.leaf : "",
    unit.codes.leaf, ...AXES.map((axis) => unit.codes[axis]), unit.codes.confidence, sayPosition(state), state.of,
  ]);
  return [head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function downloadUnits() {
  const name = [state.frame, state.year, state.def].filter(Boolean).join("-");
  saveText(writeCsv(filterUnits(listUnits())), `${name}.csv`, "text/csv");
}
