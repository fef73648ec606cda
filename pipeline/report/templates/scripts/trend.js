// Shares and numbers by year, with intervals, for the chosen position and the one beside it: a panel for each frame.
const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = { left: 44, right: 14, top: 22, bottom: 22 };
const BESIDE = 9; // pixels from a share to the one as people would code
const [SHARE_HEIGHT, COUNT_HEIGHT, BETWEEN] = [170, 120, 34]; // pixels

function draw(tag, settings, ...children) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [key, value] of Object.entries(settings)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// The frames that may be quoted, and the chosen one where it may not.
const shownFrames = () => design.frames.filter((frame) => (frame.is_quotable && !frame.is_part) || frame.id === state.frame);
function windowsOf(frame) {
  const years = design.domains.filter((domain) => domain.frame === frame && domain.year).map((domain) => domain.year);
  return years.length > 1 ? years : [""];
}

// For each frame and window, share and number of each series.
function measureTrend(frame) {
  const series = [state, ...(state.vs ? [{ ...state, ...stateOf(state.vs) }] : [])];
  return windowsOf(frame).map((year) => ({
    year,
    rows: series.map((from) => {
      const at = { ...from, frame, year, by: DOCUMENTS };
      return { share: estimateAt(at), count: countAt(at) };
    }),
    ...besides(frame, year),
  }));
}

// What the tables have beside a share: as people would code, and smoothed over the years; never in its place.
function besides(frame, year) {
  if (state.in.length || state.out.length) return {};
  const key = [frame, year, state.of, state.def].join("|");
  return { key, second: design.second[key], smooth: design.smoothed[key] };
}
const hasBeside = (measured, name) => [...measured.values()].some((points) => points.some((point) => point[name]));

function renderTrend() {
  const frames = shownFrames();
  const measured = new Map(frames.map((frame) => [frame.id, measureTrend(frame.id)]));
  const widths = frames.map((frame) => Math.min(Math.max(measured.get(frame.id).length, 4), 10));
  const holder = byId("t-panels");
  holder.style.setProperty("--panels", widths.map((width) => `minmax(0, ${width}fr)`).join(" "));
  holder.replaceChildren(...frames.map((frame) => drawPanel(frame, measured.get(frame.id))));
  for (const frame of frames) {
    const slot = holder.querySelector(`[data-frame="${CSS.escape(frame.id)}"]`);
    slot.append(drawCharts(frame, measured.get(frame.id), Math.max(slot.clientWidth, 240)));
  }
  byId("trend-title").textContent = sayFinding(frames, measured);
  byId("t-says").textContent = sayOthers(frames, measured);
  const keys = [
    ...(state.vs ? [["series-1", sayPosition(state)], ["series-2", sayPosition({ ...state, ...stateOf(state.vs) })]] : []),
    ...(hasBeside(measured, "second") ? [["second", "as people would code"]] : []),
    ...(hasBeside(measured, "smooth") ? [["smooth", "smoothed over the years"]] : []),
  ];
  byId("t-key").replaceChildren(...keys.map(([name, title]) => make("li", {}, make("i", { class: `key ${name}`, "aria-hidden": "true" }), title)));
  renderNumbers(frames, measured);
}

function drawPanel(frame, points) {
  const first = design.domains.find((domain) => domain.frame === frame.id && !domain.year);
  const note = points.length === 1 ? "one window" : frame.partial_year ? `* ${frame.partial_year} in part` : "";
  return make("div", { class: "panel", data: { frame: frame.id } },
    make("h3", {}, frame.title, make("span", { class: "small" }, ` ${formatCount(first.units.length)} of ${formatCount(first.n_population)} read${note ? `; ${note}` : ""}`)));
}

function drawCharts(frame, points, width) {
  const most = Math.max(1, ...points.flatMap((point) => point.rows.map((row) => row.count.high || 0)));
  const height = MARGIN.top + SHARE_HEIGHT + BETWEEN + COUNT_HEIGHT + MARGIN.bottom;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": sayPanel(frame, points) });
  const step = (width - MARGIN.left - MARGIN.right) / points.length;
  const at = (place) => MARGIN.left + step * (place + 0.5);
  const chosen = points.findIndex((point) => frame.id === state.frame && point.year === state.year && point.year);
  if (chosen >= 0) picture.append(draw("rect", { class: "chosen", x: at(chosen) - step / 2, y: 0, width: step, height: height - MARGIN.bottom }));
  const plots = [
    { key: "share", top: MARGIN.top, height: SHARE_HEIGHT, most: 1, label: `share of ${state.of}`, ticks: [0, 0.25, 0.5, 0.75, 1], say: formatPercent },
    { key: "count", top: MARGIN.top + SHARE_HEIGHT + BETWEEN, height: COUNT_HEIGHT, most, label: points.length > 1 ? "documents a year" : "documents", ticks: niceTicks(most), say: (number) => formatCount(Math.round(number)) },
  ];
  for (const plot of plots) picture.append(...drawPlot(plot, points, at, width));
  points.forEach((point, place) => {
    if (!isLabelled(place, points.length, step)) return;
    const text = point.year ? `${step < 40 ? `’${point.year.slice(2)}` : point.year}${point.year === frame.partial_year ? "*" : ""}` : "all";
    picture.append(draw("text", { x: at(place), y: height - 6, class: "tick", "text-anchor": "middle" }, text));
  });
  picture.addEventListener("click", (event) => {
    const place = Math.floor((event.offsetX - MARGIN.left) / step);
    if (points[place]) go({ frame: frame.id, year: points[place].year, by: points[place].year ? DOCUMENTS : state.by });
  });
  return picture;
}

const isLabelled = (place, count, step) => step > 26 || place === 0 || place === count - 1 || (place % 3 === 0 && place < count - 2);
function niceTicks(most) {
  const step = [1, 2, 5].flatMap((base) => [1, 10, 100, 1000, 10000].map((power) => base * power)).sort((one, other) => one - other).find((size) => most / size <= 3) || most;
  const ticks = [];
  for (let tick = 0; tick <= most; tick += step) ticks.push(tick);
  return ticks;
}

function drawPlot(plot, points, at, width) {
  const y = (value) => plot.top + plot.height * (1 - Math.min(value / plot.most, 1));
  const nodes = [draw("text", { x: 2, y: plot.top - 10, class: "tick" }, plot.label)];
  for (const tick of plot.ticks) {
    nodes.push(draw("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }));
    nodes.push(draw("text", { class: "tick", x: MARGIN.left - 5, y: y(tick) + 4, "text-anchor": "end" }, plot.key === "share" ? `${100 * tick}%` : plot.say(tick)));
  }
  if (plot.key === "share") nodes.push(...drawBesides(points, at, y, plot.say));
  const count = points[0].rows.length;
  for (let series = count - 1; series >= 0; series -= 1) {
    const shift = count > 1 ? (series ? 4 : -4) : 0;
    const known = points.map((point, place) => ({ ...point.rows[series][plot.key], x: at(place) + shift, place })).map((row) => ({ ...row, value: row[plot.key] })).filter((row) => row.value !== null && row.value !== undefined);
    const line = known.map((row) => `${row.x.toFixed(1)},${y(row.value).toFixed(1)}`).join(" ");
    const name = `series-${series + 1}`;
    if (known.length > 1) nodes.push(draw("polyline", { class: `line ${name}`, points: line }));
    for (const row of known) {
      nodes.push(draw("line", { class: `whisker ${name}`, x1: row.x, x2: row.x, y1: y(row.low), y2: y(row.high) }));
      const says = `${points[row.place].year || "all"}: ${plot.say(row.value)} (${plot.say(row.low)}–${plot.say(row.high)})`;
      const mark = series ? draw("rect", { class: `mark ${name}`, x: row.x - 4, y: y(row.value) - 4, width: 8, height: 8 }) : draw("circle", { class: `mark ${name}`, cx: row.x, cy: y(row.value), r: 4.5 });
      mark.append(draw("title", {}, says));
      nodes.push(mark);
    }
    for (const row of known.length ? new Set([known[0], known[known.length - 1]]) : []) {
      const isAbove = y(row.high) - 6 > plot.top + 4;
      const nearEdge = row.x > width - 40;
      if (!series) nodes.push(draw("text", { class: "value", x: nearEdge ? width - 2 : row.x, y: isAbove ? y(row.high) - 5 : y(row.low) + 14, "text-anchor": nearEdge ? "end" : "middle" }, plot.say(row.value)));
    }
  }
  return nodes;
}

// The smoothed line under the shares, and beside each the interval as people would code.
function drawBesides(points, at, y, say) {
  const nodes = [];
  const smooth = points.map((point, place) => [point.smooth, place]).filter(([row]) => row);
  if (smooth.length > 1) nodes.push(draw("polyline", { class: "line smooth", points: smooth.map(([row, place]) => `${at(place).toFixed(1)},${y(row[0]).toFixed(1)}`).join(" ") }));
  points.forEach(({ second, year }, place) => {
    if (!second) return;
    const [share, low, high] = second;
    const x = at(place) + BESIDE;
    const mark = draw("path", { class: "mark second", d: `M${x},${y(share) - 5} l4,5 l-4,5 l-4,-5 z` });
    mark.append(draw("title", {}, `${year || "all"}, as people would code: ${say(share)} (${say(low)}–${say(high)})`));
    nodes.push(draw("line", { class: "whisker second", x1: x, x2: x, y1: y(low), y2: y(high) }), mark);
  });
  return nodes;
}

// The finding: where the first frame with years began and where it is now, in shares and in numbers.
function sayFinding(frames, measured) {
  const chosen = frames.find((frame) => frame.id === state.frame && measured.get(frame.id).length > 1);
  const frame = chosen || frames.find((item) => measured.get(item.id).length > 1) || frames[0];
  return sayPanel(frame, measured.get(frame.id));
}

function sayPanel(frame, points) {
  const known = points.filter((point) => point.rows[0].share.share !== null);
  const title = firstPart(sayPosition(state));
  if (!known.length) return `${frame.title}: nothing counts yet`;
  const [first, last] = [known[0], known[known.length - 1]];
  const [early, late] = [first.rows[0], last.rows[0]];
  if (first === last) return `${frame.title}: ${title} is ${formatPercent(early.share.share)}, about ${formatCount(Math.round(early.count.count))} documents`;
  const isApart = early.share.low > late.share.high || late.share.low > early.share.high;
  const moved = !isApart ? "went" : early.share.share > late.share.share ? "fell" : "rose";
  const full = [...known].reverse().find((point) => point.year !== frame.partial_year) || last;
  return (
    `${frame.title}: ${title} ${moved} from ${formatPercent(early.share.share)} in ${first.year} to ${formatPercent(late.share.share)} in ${last.year}; ` +
    `about ${formatCount(Math.round(early.count.count))} documents in ${first.year}, ${formatCount(Math.round(full.rows[0].count.count))} in ${full.year}`
  );
}

// Diluted or abandoned: how the whole grew while the part did what the title says.
function sayGrowth(frames) {
  const chosen = frames.find((frame) => frame.id === state.frame) || frames[0];
  const years = windowsOf(chosen.id).filter((year) => year && year !== chosen.partial_year);
  if (years.length < 2) return "";
  const whole = { query: design.denominators[state.of], include: [], exclude: [] };
  const [early, late] = [years[0], years[years.length - 1]].map((year) => formatCount(Math.round(estimateCount(whole, state.of, chosen.id, year).count)));
  return `The whole of which it is a share: about ${early} documents in ${years[0]}, ${late} in ${years[years.length - 1]}. `;
}

const sayOthers = (frames, measured) => {
  const finding = byId("trend-title").textContent;
  const others = frames.map((frame) => sayPanel(frame, measured.get(frame.id))).filter((text) => text !== finding);
  return `${others.map((text) => `${text}. `).join("")}${sayGrowth(frames)}Share of ${design.denominators[state.of].title}; lines give ${Math.round(100 * design.level)}% intervals.`;
};

// The same numbers as a table; each share leads to the documents behind it.
function renderNumbers(frames, measured) {
  const series = byId("t-rows");
  const shown = ["second", "smooth"].filter((name) => hasBeside(measured, name));
  const rows = frames.flatMap((frame) => measured.get(frame.id).flatMap((point) => point.rows.map((row, number) => {
    const link = make("a", { href: writeState({ ...state, ...(number ? stateOf(state.vs) : {}), frame: frame.id, year: point.year, by: DOCUMENTS, vs: number ? "" : state.vs, show: "documents", doc: "" }) }, formatPercent(row.share.share));
    const domain = domainOf(frame.id, point.year);
    return make("tr", { data: { frame: frame.id, year: point.year, exact: JSON.stringify(row) } },
      make("th", { scope: "row" }, frame.title), make("td", {}, point.year || "all"), ...(state.vs ? [make("td", {}, number ? "second" : "first")] : []),
      make("td", { class: "n" }, link, " ", make("span", { class: "small" }, formatInterval(row.share))), ...shown.map((name) => make("td", { class: "n" }, number ? "" : sayBeside(point, name))), make("td", { class: "n" }, formatAbout(row.count)),
      make("td", { class: "n" }, formatCount(domain.n_population)), make("td", { class: "n" }, formatCount(row.share.n_read)));
  })));
  byId("t-which").hidden = !state.vs;
  for (const name of ["second", "smooth"]) byId(`t-${name}`).hidden = !shown.includes(name);
  series.replaceChildren(...rows);
  labelCells(series.closest("table"));
}

function sayBeside(point, name) {
  if (!point[name]) return "";
  const [share, low, high, basis] = point[name];
  const key = name === "second" ? `${point.key}|${basis}|${design.open_scope}` : point.key;
  return make("span", { class: "share", data: { table: name === "second" ? "as_people" : "smoothed", key, columns: "share low high" } }, make("b", {}, formatPercent(share)), " ", make("span", { class: "small" }, formatInterval({ low, high })));
}

function startTrend() {
  byId("t-csv").addEventListener("click", downloadTrend);
  byId("t-svg").addEventListener("click", downloadPicture);
  let width = byId("t-panels").clientWidth;
  new ResizeObserver(debounce(() => {
    if (byId("t-panels").clientWidth === width) return;
    width = byId("t-panels").clientWidth;
    renderTrend();
  }, 80)).observe(byId("t-panels"));
}

function downloadTrend() {
  const head = ["frame", "year", "position", "denominator", "share", "low", "high", "count", "count_low", "count_high", "n_population", "n_read", "as_people", "as_people_low", "as_people_high", "as_people_basis", "smoothed", "smoothed_low", "smoothed_high"];
  const titles = [sayPosition(state), state.vs ? sayPosition({ ...state, ...stateOf(state.vs) }) : ""];
  const rows = shownFrames().flatMap((frame) => measureTrend(frame.id).flatMap((point) => point.rows.map(({ share, count }, number) => [
    frame.id, point.year, titles[number], state.of, share.share, share.low, share.high, count.count, count.low, count.high, share.n_population, share.n_read,
    ...(number || !point.second ? ["", "", "", ""] : point.second), ...(number || !point.smooth ? ["", "", ""] : point.smooth),
  ])));
  saveText([head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n", "trend.csv", "text/csv");
}

const sayKeys = () => [["second", " Diamonds: as people would code."], ["smooth", " Dots: smoothed over the years."]].map(([name, says]) => (byId(`t-${name}`).hidden ? "" : says)).join("");

// The chart as a file that can stand alone: finding, definition, source and version are in it.
function downloadPicture() {
  const panels = [...byId("t-panels").querySelectorAll("svg")];
  const [gap, top, bottom] = [24, 78, 34];
  const width = panels.reduce((sum, panel) => sum + Number(panel.getAttribute("width")) + gap, gap);
  const height = Number(panels[0].getAttribute("height")) + top + bottom;
  const style = [...document.querySelectorAll("style")].map((node) => node.textContent).join("").match(/\/\*chart\*\/[^]*?\/\*end\*\//)?.[0] || "";
  const colours = getComputedStyle(document.documentElement);
  const named = ["ink", "soft", "line", "tint", "paper", "series-1", "series-2"].map((name) => `--${name}:${colours.getPropertyValue(`--${name}`)}`).join(";");
  const picture = draw("svg", { xmlns: NAMESPACE, viewBox: `0 0 ${width} ${height}`, width, height, style: `${named};font-family:sans-serif;background:${colours.getPropertyValue("--paper")}` });
  picture.append(draw("style", {}, style), draw("rect", { width, height, fill: colours.getPropertyValue("--paper") }));
  const text = (y, size, words) => picture.append(draw("text", { x: gap, y, "font-size": size, fill: colours.getPropertyValue("--ink") }, words));
  text(28, Math.min(19, (1.9 * width) / byId("trend-title").textContent.length), byId("trend-title").textContent);
  text(50, 13, `${sayPosition(state)}. Share of ${design.denominators[state.of].title}, ${Math.round(100 * design.level)}% intervals.${sayKeys()}`.slice(0, Math.round(width / 6)));
  let left = gap;
  for (const panel of panels) {
    const copy = panel.cloneNode(true);
    copy.setAttribute("x", left);
    copy.setAttribute("y", top);
    picture.append(draw("text", { x: left, y: top - 8, "font-size": 13, fill: colours.getPropertyValue("--ink") }, panel.parentElement.querySelector("h3").firstChild.textContent), copy);
    left += Number(panel.getAttribute("width")) + gap;
  }
  text(height - 12, 11, design.source);
  saveText(new XMLSerializer().serializeToString(picture), "trend.svg", "image/svg+xml");
}
