const PAGE_ROWS = 15;
let shownRows = PAGE_ROWS;

// Every read document of the chosen frame and year, with what it counts for at the chosen position.
function listUnits() {
  const domain = domainOf(state.frame, state.year);
  const position = positionOf(state);
  const denominator = design.denominators[state.of];
  return readUnits(position, denominator)
    .filter((unit) => domain.strata.includes(unit.stratum))
    .map((unit) => {
      const place = design.units.document[unit.unit];
      const codes = settledCodes(unit.unit);
      const isInside = matchDenominator(denominator, codes);
      return {
        ...unit,
        place,
        codes,
        reads: readers.map((reader) => reader[unit.unit]),
        adjudicated: adjudicator[unit.unit],
        status: !isInside ? "outside" : matchPosition(position, codes) ? "counts" : "does not count",
        phase2: design.units.phase2[unit.unit],
      };
    });
}

function filterUnits(units) {
  const words = byId("d-search").value.trim().toLowerCase();
  const [status, leaf, phase] = ["d-status", "d-leaf", "d-phase"].map((id) => byId(id).value);
  return units.filter(
    (unit) =>
      (!words || `${atlas.title[unit.place]} ${atlas.authors[unit.place]}`.toLowerCase().includes(words)) &&
      (!status || unit.status === status) &&
      (!leaf || unit.codes.leaf === leaf || unit.codes.group === leaf) &&
      (!phase || (phase === "adjudicated" ? Boolean(unit.adjudicated) : unit.phase2 === phase)),
  );
}

function startDocuments() {
  const leaf = byId("d-leaf");
  for (const [code, name] of Object.entries(design.groups)) {
    const group = make("optgroup", { label: `${code} ${name}` }, make("option", { value: code }, `all of ${code}`));
    for (const [item, title] of Object.entries(design.leaves)) if (item[0] === code) group.append(make("option", { value: item }, `${item} ${title}`));
    leaf.append(group);
  }
  const refresh = () => {
    shownRows = PAGE_ROWS;
    renderDocuments();
  };
  byId("d-search").addEventListener("input", debounce(refresh, 120));
  for (const id of ["d-status", "d-leaf", "d-phase"]) byId(id).addEventListener("change", refresh);
  byId("d-more").addEventListener("click", () => {
    shownRows += 10 * PAGE_ROWS;
    renderDocuments();
  });
  byId("d-csv").addEventListener("click", downloadUnits);
}

function renderDocuments() {
  const units = listUnits();
  const kept = filterUnits(units);
  const number = (status) => units.filter((unit) => unit.status === status).length;
  byId("d-says").textContent =
    `${sayDomain(state)}; ${sayPosition(state)}. ${formatCount(units.length)} documents were read: ` +
    `${formatCount(number("counts"))} count, ${formatCount(number("does not count"))} do not, ${formatCount(number("outside"))} are outside the denominator.`;
  byId("d-count").textContent = kept.length === units.length ? "" : `${formatCount(kept.length)} match the filters.`;
  byId("d-rows").replaceChildren(...kept.slice(0, shownRows).map(drawUnit));
  byId("d-more").hidden = kept.length <= shownRows;
  byId("d-more").textContent = `Show more (${formatCount(kept.length - shownRows)} left)`;
}

function drawUnit(unit) {
  const open = make("a", { href: writeState({ ...state, show: "documents", doc: atlas.id[unit.place] }), class: "opens" }, atlas.title[unit.place] || "(no title)");
  const code = (codes) => (codes ? make("abbr", { title: sayLeaf(codes.leaf) }, codes.leaf) : "–");
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, open),
    make("td", {}, String(atlas.year[unit.place] || "")),
    ...unit.reads.map((codes) => make("td", {}, code(codes))),
    make("td", {}, code(unit.adjudicated)),
    make("td", { class: `status ${unit.status.replaceAll(" ", "-")}` }, unit.status),
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
  const head = ["doc_id", "title", "url", "published_date", "status", "phase2_stratum", ...names.map((name) => `${name}_leaf`), "adjudicated_leaf", "leaf", "target", "mechanism", "scaling", "evidence", "confidence", "definition", "denominator"];
  const rows = units.map((unit) => [
    atlas.id[unit.place], atlas.title[unit.place], atlas.url[unit.place], atlas.date[unit.place], unit.status, unit.phase2,
    ...unit.reads.map((codes) => codes.leaf), unit.adjudicated ? unit.adjudicated.leaf : "",
    unit.codes.leaf, ...AXES.map((axis) => unit.codes[axis]), unit.codes.confidence, sayPosition(state), state.of,
  ]);
  return [head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function downloadUnits() {
  const text = writeCsv(filterUnits(listUnits()));
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  const name = [state.frame, state.year, state.def].filter(Boolean).join("-");
  make("a", { href: address, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
