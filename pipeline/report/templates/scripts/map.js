// The first six are Okabe and Ito's; each further one lies as far as can be from those before it and from grey, in CIELAB.
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#6c00fc", "#00cc00", "#fc24d8", "#fc0060", "#0060f0", "#60900c", "#904830", "#90309c", "#546030", "#a89cfc", "#fc0018", "#b454fc", "#b4b46c", "#fc9c78", "#b40c6c", "#0c6c6c", "#fc84f0", "#00cc6c", "#b41824", "#6c5478", "#60c0c0", "#b4b400", "#6054a8", "#d8606c", "#186c24", "#a88460", "#b4a8d8", "#fc9c00", "#e400fc", "#fc009c"];
const REST = "#9a9a9a";
const GROUND = 46; // opacity, of 255, of what is out of scope or belongs to nothing: a ground for the rest
const FAINT = 26; // of points that the search, the area or the legend leaves out
const SOLID = 215;
const FINE_AT = 2.5; // from so many times the first scale on, the labels are those of the finer layer
const MAX_SCALE = 60;
const HOME = { scale: 1, x: 0.5, y: 0.5 }; // what is seen first: set to what is no ground when the map opens
let map = null; // the open map; null before it was seen

// The ways to colour the map: for each, the categories and the category of every document (or none).
function listColourings() {
  const letters = Object.keys(design.groups);
  const groups = Object.entries(design.groups).map(([code, name]) => `${code} ${name}`);
  const leaves = allLeaves.map((leaf) => `${leaf} ${shortName(leaf)}`);
  const [read, leaf] = [groups, leaves].map((names) => new Uint16Array(atlas.x.length).fill(names.length));
  for (const [place, unit] of unitOf) {
    read[place] = letters.indexOf(settledCodes(unit).group);
    leaf[place] = allLeaves.indexOf(settledCodes(unit).leaf);
  }
  return [
    ...atlas.layers.map((layer) => ({ id: `cluster-${layer.name}`, label: `cluster, ${layer.name}`, names: layer.names, of: layer.member, rest: "no cluster, or outside the question" })),
    { id: "position", label: "the chosen position", names: ["counts", "does not count", "outside the denominator"], of: null, rest: "not read" },
    { id: "group", label: "group given by readers", names: groups, of: read, rest: "not read" },
    { id: "code", label: "code given by readers", names: leaves, of: leaf, rest: "not read" },
    ...(atlas.predicted ? [{ id: "predicted", label: "predicted group", names: groups, of: atlas.predicted, rest: "not predicted" }] : []),
    { id: "frame", label: "frame", names: atlas.frames.map((frame) => frame.title), of: atlas.frame, rest: "" },
  ];
}

// What each read document is for the position in the link.
function markPosition() {
  const marks = new Uint16Array(atlas.x.length).fill(3);
  const [position, denominator] = [positionOf(state), design.denominators[state.of]];
  for (const [place, unit] of unitOf) {
    const codes = settledCodes(unit);
    marks[place] = !matchDenominator(denominator, codes) ? 2 : matchPosition(position, codes) ? 0 : 1;
  }
  return marks;
}

// Documents that lie outside the subject, by their code or as predicted: drawn as a ground.
function markGround() {
  const outside = Object.keys(design.groups).map((group) => design.outside.includes(group) && !matchDenominator(design.denominators[design.denominator], { leaf: allLeaves.find((leaf) => groupOf[leaf] === group), confidence: Infinity }));
  const letters = Object.keys(design.groups);
  const last = design.outside[design.outside.length - 1];
  return Uint8Array.from(atlas.x, (_, place) => {
    const unit = unitOf.get(place);
    const group = unit === undefined ? letters[atlas.predicted ? atlas.predicted[place] : -1] : settledCodes(unit).group;
    return group === last && outside[letters.indexOf(group)] ? 1 : 0;
  });
}

function startMap() {
  const canvas = byId("map-canvas");
  const renderer = makeRenderer(canvas, atlas.x, atlas.y, atlas.steps);
  canvas.dataset.renderer = renderer.kind;
  map = {
    canvas, renderer, colourings: listColourings(), ground: markGround(), labels: listLabels(), isDue: false, isSelecting: false,
    texts: atlas.title.map((title, place) => `${title} ${atlas.authors[place]}`.toLowerCase()),
    view: { ...HOME }, chosen: -1, hovered: -1, only: -1, colouring: 0, alive: new Uint8Array(atlas.x.length).fill(1), found: null, area: null, inside: null,
  };
  Object.assign(HOME, fitView());
  fillMapControls();
  listenToPointer(canvas);
  byId("m-in").addEventListener("click", () => zoomBy(1.6));
  byId("m-out").addEventListener("click", () => zoomBy(1 / 1.6));
  byId("m-home").addEventListener("click", () => setView({ ...HOME }));
  new ResizeObserver(schedule).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);
  renderMap(null);
}

// The map follows the link: view, colours, filters, search.
const MAP_KEYS = ["colour", "mapframe", "from", "to", "only", "seek", "like"];
function renderMap(before) {
  if (!map) return;
  const [x, y, scale] = state.view ? state.view.split(",").map(Number) : [HOME.x, HOME.y, HOME.scale];
  map.view = { x, y, scale: Math.min(Math.max(scale, 0.8), MAX_SCALE) };
  if (hasMoved(before, [...MAP_KEYS, ...POSITION_KEYS])) {
    map.colouring = Math.max(map.colourings.findIndex((colouring) => colouring.id === state.colour), 0);
    map.colourings.find((colouring) => colouring.id === "position").of = markPosition();
    map.only = state.only === "" ? -1 : Number(state.only);
    setMapControls();
    filterPoints();
    renderLegend();
    renderFound();
    map.renderer.paint(paintPoints());
  }
  schedule();
}

// The view that holds nearly all documents that are no ground: an island far off does not make the rest small.
function fitView() {
  const kept = [...atlas.x.keys()].filter((place) => !map.ground[place]);
  if (kept.length < 2) return HOME;
  const [x, y] = [atlas.x, atlas.y].map((axis) => {
    const sorted = Float64Array.from(kept, (place) => axis[place] / atlas.steps).sort();
    return [sorted[Math.floor(0.004 * (sorted.length - 1))], sorted[Math.ceil(0.996 * (sorted.length - 1))]];
  });
  const span = Math.max(y[1] - y[0], (x[1] - x[0]) * Math.min(map.canvas.clientHeight / map.canvas.clientWidth, 1), 0.1);
  return { scale: Math.min(Math.max(0.97 / span, 1), 3), x: (x[0] + x[1]) / 2, y: (y[0] + y[1]) / 2 };
}

function frameOfMap() {
  const { canvas, view } = map;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const side = Math.min(width, height) * 0.94 * view.scale;
  return { width, height, side, left: width / 2 - view.x * side, top: height / 2 - (1 - view.y) * side, ratio: devicePixelRatio || 1, pointSize: Math.min(2.6 + (view.scale / HOME.scale) * 0.5, 9) };
}

function drawMap() {
  map.isDue = false;
  const { canvas } = map;
  const frame = frameOfMap();
  const [width, height] = [frame.width, frame.height].map((length) => Math.round(length * frame.ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  map.renderer.draw(frame);
  drawOverlay(frame);
}
function schedule() {
  if (!map.isDue) requestAnimationFrame(drawMap);
  map.isDue = true;
}

// The view goes to the link when it has come to rest.
const keepView = debounce(() => {
  const { x, y, scale } = map.view;
  const isHome = Math.abs(x - HOME.x) + Math.abs(y - HOME.y) < 0.001 && Math.abs(scale - HOME.scale) < 0.001;
  go({ view: isHome ? "" : `${x.toFixed(3)},${y.toFixed(3)},${scale.toFixed(2)}`, show: state.show, doc: state.doc }, true);
}, 200);
function setView(view) {
  map.view = view;
  schedule();
  keepView();
}

const openDocument = (place) => {
  openedHere = true;
  go({ doc: atlas.id[place] });
};

function filterPoints() {
  const [from, to] = [Number(state.from) || 0, Number(state.to) || Infinity];
  const isEveryYear = !state.from && !state.to;
  for (let place = 0; place < atlas.x.length; place += 1) {
    const inFrame = !state.mapframe || atlas.frames[atlas.frame[place]].id === state.mapframe;
    const inYears = isEveryYear || (atlas.year[place] >= from && atlas.year[place] <= to);
    map.alive[place] = inFrame && inYears ? 1 : 0;
  }
  map.found = findPoints();
}

function findPoints() {
  const sought = state.seek.trim().toLowerCase();
  if (state.like) return nearestInMeaning([placeOf.get(state.like)]);
  if (!sought) return null;
  const found = [];
  map.texts.forEach((text, place) => {
    if (map.alive[place] && text.includes(sought)) found.push(place);
  });
  return found;
}

function paintPoints() {
  const colouring = map.colourings[map.colouring];
  const shades = [...colouring.names.map((_, number) => PALETTE[number % PALETTE.length]), REST].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const found = map.found && new Set(map.found);
  const colours = new Uint8Array(4 * atlas.x.length);
  for (let place = 0; place < atlas.x.length; place += 1) {
    if (!map.alive[place]) continue;
    const category = Math.min(colouring.of[place], colouring.names.length);
    const isLit = (!found || found.has(place)) && (map.only < 0 || map.only === category) && (!map.inside || map.inside.has(place));
    const isRest = category === colouring.names.length;
    colours.set(map.ground[place] && colouring.id !== "frame" ? shades[shades.length - 1] : shades[category], 4 * place);
    colours[4 * place + 3] = !isLit ? FAINT : map.ground[place] && map.only < 0 && !found ? GROUND : isRest ? 70 : SOLID;
  }
  return colours;
}

function listLabels() {
  return atlas.layers.map((layer) => layer.names.map((name, number) => {
    const [xs, ys] = [[], []];
    layer.member.forEach((member, place) => {
      if (member === number) { xs.push(atlas.x[place]); ys.push(atlas.y[place]); }
    });
    const middle = (list) => Float64Array.from(list).sort()[list.length >> 1] / atlas.steps;
    return { name, lines: breakLabel(name.split(" · ").slice(0, 2).join(", ")), x: middle(xs), y: middle(ys), size: xs.length, number };
  }).filter((label) => label.size).sort((one, other) => other.size - one.size));
}
