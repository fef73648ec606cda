// The position a reader holds, kept in the link: #frame=…&year=…&def=…&in=…&out=…&of=…&show=…&doc=…
const NOTHING = "none";
const definitionOf = new Map(design.definitions.map((definition) => [definition.id, definition]));
const START = {
  frame: design.headline_frame,
  year: "",
  def: design.headline_definitions[0],
  in: [],
  out: [],
  of: design.denominator,
  show: "",
  doc: "",
};
let state = { ...START };

function parseState(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const codes = (key) => (given.get(key) || "").split(",").filter((code) => code in design.leaves);
  const next = { ...START, in: codes("in"), out: codes("out") };
  const frame = given.get("frame");
  if (design.domains.some((domain) => domain.frame === frame)) next.frame = frame;
  const year = given.get("year") || "";
  if (design.domains.some((domain) => domain.frame === next.frame && domain.year === year)) next.year = year;
  if (definitionOf.has(given.get("def")) || given.get("def") === NOTHING) next.def = given.get("def");
  if (given.get("of") in design.denominators) next.of = given.get("of");
  if (["explorer", "documents"].includes(given.get("show"))) next.show = given.get("show");
  if (placeOf.has(given.get("doc"))) next.doc = given.get("doc");
  return next;
}

function writeState(from) {
  const words = new URLSearchParams();
  for (const key of ["frame", "year", "def"]) if (from[key]) words.set(key, from[key]);
  for (const key of ["in", "out"]) if (from[key].length) words.set(key, [...from[key]].sort().join(","));
  if (from.of !== START.of) words.set("of", from.of);
  if (from.show) words.set("show", from.show);
  if (from.doc) words.set("doc", from.doc);
  return `#${words.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

const positionOf = (from) => ({
  query: from.def === NOTHING ? null : definitionOf.get(from.def),
  include: from.in,
  exclude: from.out,
});

function sayPosition(from) {
  const base = from.def === NOTHING ? "Only what is ticked" : definitionOf.get(from.def).title;
  const moved = [
    from.in.length ? `with ${from.in.join(", ")}` : "",
    from.out.length ? `without ${from.out.join(", ")}` : "",
  ].filter(Boolean);
  return [base, ...moved].join("; ");
}

const sayDomain = (from) => frameTitle.get(from.frame) + (from.year ? `, ${from.year}` : ", all years");
