const FOUND_ROWS = 12;

function fillMapControls() {
  byId("m-colour").append(...map.colourings.map((colouring) => make("option", { value: colouring.id }, colouring.label)));
  byId("m-frame").append(make("option", { value: "" }, "all frames"), ...atlas.frames.map((frame) => make("option", { value: frame.id }, frame.title)));
  const years = [...new Set(atlas.year)].filter(Boolean).sort();
  for (const id of ["m-from", "m-to"]) byId(id).append(make("option", { value: "" }, id === "m-from" ? "the first" : "the last"), ...years.map((year) => make("option", { value: String(year) }, String(year))));
  const listen = (id, key, more = {}) => byId(id).addEventListener("change", () => go({ [key]: byId(id).value, ...more }));
  listen("m-colour", "colour", { only: "" });
  listen("m-frame", "mapframe");
  listen("m-from", "from");
  listen("m-to", "to");
  byId("m-search").addEventListener("input", debounce(() => go({ seek: byId("m-search").value, like: "" }, true), 120));
  byId("m-meaning").addEventListener("click", () => searchByMeaning());
  byId("m-area").addEventListener("click", () => {
    map.isSelecting = !map.isSelecting;
    if (!map.isSelecting) setArea(null);
    byId("m-area").setAttribute("aria-pressed", String(map.isSelecting));
    byId("m-area").textContent = map.isSelecting ? "Leave the area" : "Select an area";
    map.canvas.classList.toggle("selecting", map.isSelecting);
  });
  byId("m-csv").addEventListener("click", downloadPoints);
}

function setMapControls() {
  byId("m-colour").value = map.colourings[map.colouring].id;
  byId("m-frame").value = state.mapframe;
  byId("m-from").value = state.from;
  byId("m-to").value = state.to;
  if (byId("m-search") !== document.activeElement) byId("m-search").value = state.seek;
}

function renderLegend() {
  const colouring = map.colourings[map.colouring];
  const counts = new Array(colouring.names.length + 1).fill(0);
  for (let place = 0; place < atlas.x.length; place += 1) if (map.alive[place]) counts[Math.min(colouring.of[place], colouring.names.length)] += 1;
  const entries = [...colouring.names, colouring.rest].map((name, number) => {
    if (!counts[number] || !name) return null;
    const swatch = make("i", { "aria-hidden": "true" });
    swatch.style.background = number === colouring.names.length ? REST : PALETTE[number % PALETTE.length];
    const button = make("button", { type: "button", class: "legend-item", "aria-pressed": String(map.only === number) }, swatch, name, make("span", { class: "small" }, ` ${formatCount(counts[number])}`));
    button.addEventListener("click", () => go({ only: map.only === number ? "" : String(number) }));
    return make("li", {}, button);
  });
  const focused = [...byId("m-legend").children].findIndex((item) => item.contains(document.activeElement));
  byId("m-legend").replaceChildren(...entries.filter(Boolean));
  if (focused >= 0) byId("m-legend").children[focused]?.firstChild.focus({ preventScroll: true });
}

// What the search or the area holds: a list to open, and all of it as a file.
const listedPoints = () => (map.inside ? [...map.inside].filter((place) => map.alive[place] && (!map.found || map.found.includes(place))) : map.found);
function renderFound() {
  const found = listedPoints();
  const says = found === null ? "" : `${formatCount(found.length)} ${map.inside ? "in the area" : state.like ? "nearest in meaning" : "found"}${found.length > FOUND_ROWS ? `, the first ${FOUND_ROWS} below` : ""}.`;
  byId("m-count").textContent = says;
  byId("m-csv").hidden = !found || !found.length;
  byId("m-meaning").hidden = !atlas.meaning || !(map.found && map.found.length) || Boolean(state.like);
  byId("m-found").replaceChildren(...(found || []).slice(0, FOUND_ROWS).map((place) => {
    const button = make("button", { type: "button", class: "plain" }, atlas.title[place] || "(no title)");
    button.addEventListener("click", () => openDocument(place));
    return make("li", {}, button, make("span", { class: "small" }, ` ${atlas.authors[place]}${atlas.year[place] ? `, ${atlas.year[place]}` : ""}`));
  }));
}

function downloadPoints() {
  const colouring = map.colourings[map.colouring];
  const head = ["doc_id", "title", "authors", "published_date", "frame", "url", colouring.label, "leaf"];
  const rows = listedPoints().map((place) => {
    const unit = unitOf.get(place);
    return [atlas.id[place], atlas.title[place], atlas.authors[place], atlas.date[place], atlas.frames[atlas.frame[place]].id, atlas.url[place], colouring.names[colouring.of[place]] || colouring.rest, unit === undefined ? "" : settledCodes(unit).leaf];
  });
  saveText([head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n", "map.csv", "text/csv");
}

// The area is a line drawn around points; what lies within it is listed.
function setArea(line) {
  map.area = line;
  map.inside = line && line.length > 2 ? new Set([...atlas.x.keys()].filter((place) => map.alive[place] && isWithin(atlas.x[place] / atlas.steps, atlas.y[place] / atlas.steps, line))) : null;
  map.renderer.paint(paintPoints());
  renderFound();
  schedule();
}
function isWithin(x, y, line) {
  let isIn = false;
  for (let at = 0, before = line.length - 1; at < line.length; before = at, at += 1) {
    const [[x1, y1], [x2, y2]] = [line[at], line[before]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isIn = !isIn;
  }
  return isIn;
}
