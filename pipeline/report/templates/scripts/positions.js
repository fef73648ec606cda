// Who counts what: each position of the discussion with its share, its trend, and a way to take it or set it beside one's own.
function startPositions() {
  if (!design.positions.length) return;
  byId("p-rows").replaceChildren(...design.positions.map((position) => {
    const take = make("button", { type: "button", class: "plain", data: { take: position.id } }, position.title);
    take.addEventListener("click", () => go({ ...stateOfPosition(position), show: "trend" }));
    const beside = make("button", { type: "button", "aria-label": `Set “${position.title}” beside` }, "beside");
    beside.addEventListener("click", () => go({ vs: position.id, show: "trend" }));
    const decide = make("a", { href: "#documents" }, "documents");
    return make("tr", { data: { position: position.id } },
      make("th", { scope: "row" }, take, make("span", { class: "small reading" }, position.says, " ", make("span", {}, "(", position.url ? linkOrText(position.url, position.who) : position.who, ")"))),
      make("td", { class: "what" }), make("td", { class: "n" }), make("td", { class: "n" }), make("td", { class: "shape" }),
      make("td", {}, beside, " ", decide));
  }));
  labelCells(byId("p-rows").closest("table"));
}

function renderPositions() {
  for (const row of byId("p-rows")?.rows || []) {
    const position = positionById.get(row.dataset.position);
    const from = { ...state, ...stateOfPosition(position), by: DOCUMENTS };
    const [share, count] = [estimateAt(from), countAt(from)];
    const cells = row.cells;
    row.dataset.exact = JSON.stringify({ share, count });
    row.classList.toggle("chosen", isSame(state, from));
    cells[1].textContent = sayCounted(from);
    const key = [state.frame, state.year, state.of, position.id].join("|");
    cells[2].replaceChildren(make("span", { class: "share", data: { table: "positions", key, columns: "share low high" } }, make("b", {}, formatPercent(share.share)), " ", make("span", { class: "small" }, formatInterval(share))));
    cells[3].replaceChildren(count.count === null ? "–" : formatCount(Math.round(count.count)), " ", make("span", { class: "small" }, formatAbout(count).split(" ").slice(1).join(" ")));
    cells[4].replaceChildren(drawShape(from));
    cells[5].querySelector("a").href = writeState({ ...from, counts: "counts", show: "documents", doc: "" });
  }
}

// Which lines a position counts, in words: whole groups by their name, single lines by theirs.
function sayCounted(from) {
  const counted = new Set(allLeaves.filter((leaf) => countsLeaf(from, leaf)));
  const parts = [];
  for (const [group, title] of Object.entries(design.groups)) {
    const own = allLeaves.filter((leaf) => groupOf[leaf] === group);
    const kept = own.filter((leaf) => counted.has(leaf));
    if (!kept.length) continue;
    const lost = own.filter((leaf) => !counted.has(leaf));
    if (!lost.length) parts.push(`all of ${group} ${title}`);
    else if (lost.length < kept.length && kept.length > 3) parts.push(`${group} ${title} but ${lost.map(sayCode).join(", ")}`);
    else parts.push(kept.map(sayCode).join(", "));
  }
  return parts.join("; ") || "nothing";
}
function countsLeaf(from, leaf) {
  if (from.in.includes(leaf)) return true;
  if (from.out.includes(leaf) || from.def === NOTHING) return false;
  return matchLeaf(definitionOf.get(from.def), leaf);
}

// A small curve of the share by year in the first frame that has years.
function drawShape(from) {
  const frame = windowsOf(state.frame).length > 1 ? state.frame : (design.frames.find((item) => windowsOf(item.id).length > 1) || {}).id;
  if (!frame) return make("span", {}, "–");
  const rows = windowsOf(frame).map((year) => estimateAt({ ...from, frame, year }).share);
  const known = rows.map((share, place) => [place, share]).filter(([, share]) => share !== null);
  if (!known.length) return make("span", {}, "–");
  const [width, height] = [90, 26];
  const points = known.map(([place, share]) => `${((place / Math.max(rows.length - 1, 1)) * (width - 6) + 3).toFixed(1)},${(height - 3 - share * (height - 6)).toFixed(1)}`);
  const label = `${frameTitle.get(frame)}: ${formatPercent(known[0][1])} at first, ${formatPercent(known[known.length - 1][1])} last`;
  return draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "shape" }, draw("polyline", { class: "line series-1", points: points.join(" ") }));
}
