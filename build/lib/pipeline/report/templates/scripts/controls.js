const FOUND_ROWS = 12;

function fillMapControls(colourings, picture, refilter) {
  byId("m-colour").append(...colourings.map((colouring, number) => make("option", { value: String(number) }, colouring.label)));
  byId("m-frame").append(make("option", { value: "" }, "all frames"), ...atlas.frames.map((frame) => make("option", { value: frame.id }, frame.title)));
  const years = [...new Set(atlas.year)].filter(Boolean).sort();
  for (const [id, chosen] of [["m-from", years[0]], ["m-to", years[years.length - 1]]]) {
    byId(id).append(...years.map((year) => make("option", { value: String(year) }, String(year))));
    byId(id).value = String(chosen);
    byId(id).addEventListener("change", refilter);
  }
  byId("m-colour").addEventListener("change", () => {
    Object.assign(picture, { colouring: Number(byId("m-colour").value), only: -1 });
    refilter();
  });
  byId("m-frame").addEventListener("change", refilter);
  byId("m-search").addEventListener("input", debounce(refilter, 120));
}

function renderLegend(picture, colouring, repaint) {
  const counts = new Array(colouring.names.length + 1).fill(0);
  for (let place = 0; place < atlas.x.length; place += 1) if (picture.alive[place]) counts[Math.min(colouring.of[place], colouring.names.length)] += 1;
  const entries = [...colouring.names, colouring.rest].map((name, number) => {
    if (!counts[number] || !name) return null;
    const swatch = make("i", { "aria-hidden": "true" });
    swatch.style.background = number === colouring.names.length ? REST : PALETTE[number % PALETTE.length];
    const button = make("button", { type: "button", class: "legend-item", "aria-pressed": String(picture.only === number) }, swatch, name, make("span", { class: "small" }, ` ${formatCount(counts[number])}`));
    button.addEventListener("click", () => {
      picture.only = picture.only === number ? -1 : number;
      for (const other of byId("m-legend").querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button && picture.only >= 0));
      repaint();
    });
    return make("li", {}, button);
  });
  byId("m-legend").replaceChildren(...entries.filter(Boolean));
}

function renderFound(picture, open) {
  const list = byId("m-found");
  const found = picture.found;
  byId("m-count").textContent = found === null ? "" : `${formatCount(found.length)} found${found.length > FOUND_ROWS ? `, the first ${FOUND_ROWS} below` : ""}.`;
  list.replaceChildren(...(found || []).slice(0, FOUND_ROWS).map((place) => {
    const button = make("button", { type: "button", class: "plain" }, atlas.title[place] || "(no title)");
    button.addEventListener("click", () => open(place));
    return make("li", {}, button, make("span", { class: "small" }, ` ${atlas.authors[place]}${atlas.year[place] ? `, ${atlas.year[place]}` : ""}`));
  }));
}
