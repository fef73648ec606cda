// What a reader looks at, kept in the link and nowhere else: #frame=…&def=…&in=…&vs=…&colour=…&show=…&doc=…
const NOTHING = "none";
const DOCUMENTS = "documents";
const LONGEST_WORD = 80; // letters of what a reader types that a link keeps
const definitionOf = new Map(design.definitions.map((definition) => [definition.id, definition]));
const positionById = new Map(design.positions.map((position) => [position.id, position]));
const START = {
  frame: design.headline_frame, year: "", def: design.headline_definitions[0], in: [], out: [], of: design.denominator, by: DOCUMENTS,
  vs: "", name: "", counts: "", leaf: "", phase: "", find: "", colour: "", mapframe: "", from: "", to: "", only: "", seek: "", like: "", view: "", agenda: "",
  show: "", doc: "",
};
let state = { ...START };

const oneOf = (wanted) => (text) => (wanted(text) ? text : undefined);
const words = (text) => text.slice(0, LONGEST_WORD);
const codesIn = (text) => {
  const codes = [...new Set(text.split(",").filter(Boolean))];
  return codes.every((code) => Object.hasOwn(design.leaves, code)) ? codes.sort() : undefined;
};
const isYear = oneOf((text) => /^\d{4}$/.test(text));
const isFrame = oneOf((text) => frameTitle.has(text));
// For each key of a link, what it is called and how it is read; undefined where it makes no sense.
const KEYS = {
  frame: ["frame", oneOf((text) => design.domains.some((domain) => domain.frame === text))],
  year: ["window", oneOf((text) => !text || design.domains.some((domain) => domain.year === text))],
  def: ["definition", oneOf((text) => definitionOf.has(text) || text === NOTHING)],
  in: ["line of the codebook", codesIn],
  out: ["line of the codebook", codesIn],
  of: ["denominator", oneOf((text) => Object.hasOwn(design.denominators, text))],
  by: ["way of counting", oneOf((text) => text === DOCUMENTS || Object.hasOwn(design.sizes, text))],
  vs: ["other position", oneOf((text) => definitionOf.has(text) || positionById.has(text))],
  name: ["name", words],
  counts: ["status", oneOf((text) => ["counts", "does not count", "outside", "only the first", "only the second"].includes(text))],
  leaf: ["code", oneOf((text) => Object.hasOwn(design.leaves, text) || Object.hasOwn(design.groups, text))],
  phase: ["reading", oneOf((text) => text === "adjudicated" || design.units.phase2.includes(text))],
  find: ["search", words],
  colour: ["colouring", oneOf((text) => /^[\w-]{1,40}$/.test(text))],
  mapframe: ["frame", isFrame],
  from: ["year", isYear],
  to: ["year", isYear],
  only: ["legend entry", oneOf((text) => /^\d{1,4}$/.test(text))],
  agenda: ["search", words],
  seek: ["search", words],
  like: ["document", oneOf((text) => placeOf.has(text))],
  view: ["map view", oneOf((text) => /^(?:-?\d{1,3}(?:\.\d{1,4})?,){2}\d{1,2}(?:\.\d{1,3})?$/.test(text))],
  show: ["part of the page", oneOf((text) => Boolean(partOfPage(text)))],
  doc: ["document", oneOf((text) => placeOf.has(text))],
};

// A part of the page by the name that links use: a section, a cluster, a figure.
function partOfPage(name) {
  if (!/^[\w.-]+$/.test(name)) return null;
  const part = byId(name) || byId(`${name}-title`);
  return part && part.closest("main") ? part : null;
}

// The keys that a link gives, and what in it makes no sense.
function readKeys(hash) {
  const text = hash.replace(/^#/, "");
  if (text && !text.includes("=")) return partOfPage(text) ? [{ show: text }, []] : [{}, [`a part of the page “${cut(text)}”`]];
  const [given, wrong] = [{}, []];
  for (const [key, value] of new URLSearchParams(text)) {
    const [name, read] = Object.hasOwn(KEYS, key) ? KEYS[key] : ["", () => undefined];
    const found = value ? read(value) : undefined;
    if (found !== undefined) given[key] = found;
    else if (value || !name) wrong.push(name ? `a ${name} “${cut(value)}”` : `a setting “${cut(key)}”`);
  }
  return [given, wrong];
}
const cut = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

// A state that holds together: a window that the frame has, a way of counting that the frame and window have.
function settleState(next, wrong = []) {
  const settled = { ...next };
  if (!domainOf(settled.frame, settled.year)) {
    wrong.push(`the window ${settled.year} of ${frameTitle.get(settled.frame)}`);
    settled.year = "";
  }
  if (settled.by !== DOCUMENTS && (settled.year || !design.sizes[settled.by][settled.frame])) {
    wrong.push(`${sayWeight(settled.by)} in ${sayDomain(settled)}`);
    settled.by = DOCUMENTS;
  }
  settled.in = settled.in.filter((code) => !settled.out.includes(code));
  return settled;
}

function parseState(hash) {
  const [given, wrong] = readKeys(hash);
  return [settleState({ ...START, ...given }, wrong), wrong];
}

// What a link inside the page changes: what it names; a frame brings its whole time, a definition comes without moved lines.
function mergeLink(given) {
  const base = { ...state, show: "", doc: "" };
  if ("frame" in given) base.year = "";
  if ("def" in given) Object.assign(base, { in: [], out: [], name: "" });
  return settleState({ ...base, ...given });
}

function writeState(from) {
  const given = new URLSearchParams();
  for (const [key, start] of Object.entries(START)) {
    const text = Array.isArray(start) ? [...from[key]].sort().join(",") : from[key];
    if (text !== String(start) || key === "frame" || key === "def") given.set(key, text);
  }
  return `#${given.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

// A position, to estimate: of a state, of a definition, or of a named one.
const positionOf = (from) => ({ query: from.def === NOTHING ? null : definitionOf.get(from.def), include: from.in, exclude: from.out });
const stateOfPosition = (named) => ({ def: named.definition || NOTHING, in: [...named.include].sort(), out: [...named.exclude].sort(), name: "" });
const stateOf = (id) => (positionById.has(id) ? stateOfPosition(positionById.get(id)) : { def: id, in: [], out: [], name: "" });
const isSame = (one, other) => one.def === other.def && one.in.join() === other.in.join() && one.out.join() === other.out.join();

const sayCode = (code) => `${code} ${shortName(code)}`;
const shortName = (code) => (design.leaves[code] || design.groups[code] || "").split(/[;:(]/)[0].trim();
const firstPart = (title) => title.split(":")[0];

// What a position is called: by the name its reader gave it, by that of the discussion, or by what was moved.
function sayPosition(from) {
  if (from.name) return from.name;
  const named = design.positions.find((position) => isSame(from, stateOfPosition(position)));
  if (named && (from.in.length || from.out.length || from.def === NOTHING)) return named.title;
  const base = from.def === NOTHING ? (from.in.length ? "Only" : "Nothing yet") : definitionOf.get(from.def).title;
  const moved = [
    from.in.length ? `${from.def === NOTHING ? "" : "with "}${from.in.map(sayCode).join(", ")}` : "",
    from.out.length ? `without ${from.out.map(sayCode).join(", ")}` : "",
  ].filter(Boolean);
  return [base, ...moved].join(from.def === NOTHING ? " " : "; ");
}
const sayWeight = (by) => (by === DOCUMENTS ? "documents" : `weighed by ${by.replaceAll("_", " ")}`);
const sayDomain = (from) => frameTitle.get(from.frame) + (from.year ? `, ${from.year}` : ", all years");
