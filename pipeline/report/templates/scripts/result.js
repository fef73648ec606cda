// The answer in words, always in sight, and the few choices that everything on the page follows.
function estimateAt(from) {
  const row = estimateShare(positionOf(from), from.of, from.frame, from.year, from.by);
  return from.def === NOTHING && !from.in.length ? { ...row, share: null, low: null, high: null } : row;
}
const countAt = (from) => (from.def === NOTHING && !from.in.length ? { count: null, low: null, high: null } : estimateCount(positionOf(from), from.of, from.frame, from.year));
const formatAbout = (row) => (row.count === null ? "–" : `${formatCount(Math.round(row.count))} (${formatCount(Math.round(row.low))}–${formatCount(Math.round(row.high))})`);

const keepClear = () => { document.documentElement.style.scrollPaddingTop = `${byId("x-result").offsetHeight + 16}px`; };

function startResult() {
  const choose = (id, change) => byId(id).addEventListener("change", () => go(change(byId(id).value)));
  const options = () => [
    make("optgroup", { label: "Definitions" }, ...design.definitions.map((definition) => make("option", { value: definition.id }, definition.title))),
    ...(design.positions.length ? [make("optgroup", { label: "Positions people took" }, ...design.positions.map((position) => make("option", { value: `position ${position.id}` }, position.title)))] : []),
  ];
  byId("x-def").append(...options(), make("option", { value: "own" }, "Your own, built below"));
  byId("x-vs").append(make("option", { value: "" }, "nothing"), ...options());
  choose("x-def", (id) => (id === "own" ? { show: "explorer" } : stateOf(id.replace("position ", ""))));
  choose("x-vs", (id) => ({ vs: id.replace("position ", "") }));
  choose("x-frame", (frame) => ({ frame, year: "", by: design.sizes[state.by]?.[frame] ? state.by : DOCUMENTS }));
  choose("x-year", (year) => ({ year, by: year ? DOCUMENTS : state.by }));
  choose("x-of", (of) => ({ of }));
  choose("x-by", (by) => ({ by, year: by === DOCUMENTS ? state.year : "" }));
  byId("x-copy").addEventListener("click", copyLink);
  // What is scrolled to comes into sight below the result, however many lines it has.
  new ResizeObserver(keepClear).observe(byId("x-result"));
}

function renderResult() {
  const row = estimateAt(state);
  const result = byId("x-result");
  result.dataset.exact = JSON.stringify(row);
  byId("x-share").textContent = formatPercent(row.share);
  byId("x-interval").textContent = row.share === null ? "nothing is ticked, or no read document is in the denominator" : `${formatInterval(row)} (${Math.round(100 * design.level)}% interval)`;
  const about = state.by === DOCUMENTS ? ` ≈ ${formatAbout(countAt(state))} documents.` : ` ${sayWeight(state.by)}.`;
  byId("x-says").textContent = `of ${firstPart(design.denominators[state.of].title)} in ${sayDomain(state)}, if “${sayPosition(state)}” is ${design.direct}.${row.share === null ? "" : about}`;
  renderOther(row);
  renderSecond();
  renderBound();
  byId("x-quotable").hidden = byId("x-frame").selectedOptions[0].dataset.quotable === "yes";
  const link = byId("x-documents");
  link.href = writeState({ ...state, show: "documents", doc: "" });
  link.textContent = `See the ${formatCount(row.n_read)} read documents behind it`;
}

// The second position beside the first, and how far apart they are.
function renderOther(row) {
  const says = byId("x-other-says");
  says.hidden = !state.vs;
  says.replaceChildren();
  if (!state.vs) return;
  const other = { ...state, ...stateOf(state.vs) };
  const theirs = estimateAt(other);
  const gap = row.share === null || theirs.share === null ? "" : ` ${(100 * Math.abs(row.share - theirs.share)).toFixed(1)} points apart.`;
  says.dataset.exact = JSON.stringify(theirs);
  says.replaceChildren(make("b", {}, formatPercent(theirs.share)), ` ${formatInterval(theirs)} if “${positionById.get(state.vs)?.title || sayPosition(other)}” is.${gap}`);
}

// The second interval: the same share as people would code, where the tables have it; never in place of the first.
function renderSecond() {
  const key = [state.frame, state.year, state.of, state.def].join("|");
  const found = state.by === DOCUMENTS && !state.in.length && !state.out.length && design.second[key];
  const says = byId("x-second");
  says.hidden = !found;
  if (!found) return;
  const [share, low, high, basis] = found;
  says.replaceChildren(
    "As people would code (", basis, "): ",
    make("span", { class: "share", data: { table: "as_people", key: `${key}|${basis}|${design.open_scope}`, columns: "share low high" } }, make("b", {}, formatPercent(share)), " ", make("span", {}, formatInterval({ low, high }))),
    ". ", make("a", { href: "#second" }, "What that is"));
}

// A definition that asks for words in the text is a bound from below: most texts do not say them.
function renderBound() {
  const query = state.def === NOTHING ? null : definitionOf.get(state.def);
  const bound = byId("x-bound");
  bound.hidden = !query || isSetOfLeaves(query);
  if (bound.hidden) return;
  const open = { ...query, axes: {}, min_confidence: 1, any_of: [] };
  const units = domainOf(state.frame, state.year).units.map(settledCodes).filter((codes) => matchQuery(open, codes));
  const said = units.filter((codes) => matchQuery(query, codes)).length;
  bound.textContent =
    `This is a bound from below: it counts only what says so in its words. Of ${formatCount(units.length)} read documents on these lines, ` +
    `${formatCount(said)} do; the others state something else, or nothing. Were silence to count, it would be ` +
    `${formatPercent(estimateShare({ query: open, include: [], exclude: [] }, state.of, state.frame, state.year).share)}.`;
}

function renderChoices() {
  fillYears();
  const named = design.positions.find((position) => isSame(state, stateOfPosition(position)));
  const isPlain = state.def !== NOTHING && !state.in.length && !state.out.length;
  byId("x-def").value = isPlain ? state.def : named ? `position ${named.id}` : "own";
  byId("x-vs").value = positionById.has(state.vs) ? `position ${state.vs}` : state.vs;
  byId("x-frame").value = state.frame;
  byId("x-of").value = state.of;
  const ways = [DOCUMENTS, ...Object.keys(design.sizes).filter((by) => design.sizes[by][state.frame])];
  byId("x-by").replaceChildren(...ways.map((by) => make("option", { value: by }, by.replaceAll("_", " "))));
  byId("x-by").value = state.by;
  byId("x-by").disabled = ways.length < 2;
}

function fillYears() {
  const years = design.domains.filter((domain) => domain.frame === state.frame).map((domain) => domain.year);
  const select = byId("x-year");
  select.replaceChildren(...years.map((year) => make("option", { value: year }, year || "all years")));
  select.value = state.year;
  select.disabled = years.length < 2;
}

async function copyLink() {
  const address = location.href.split("#")[0] + writeState({ ...state, doc: "" });
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
