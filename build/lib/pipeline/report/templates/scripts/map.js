const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8c6bb1", "#a6761d", "#66a61e", "#e7298a", "#1b7f8c", "#8a8a8a"];
const REST = "#9a9a9a";
const FAINT = 40; // opacity, of 255, of points that the search or the legend leaves out
const SOLID = 215;
const FINE_AT = 2.5; // from this scale on, the labels are those of the finer layer
const MAX_SCALE = 60;

// The ways to colour the map: for each, the categories and the category of every document (or none).
function listColourings() {
  const groups = Object.entries(design.groups).map(([code, name]) => `${code} ${name}`);
  const letters = Object.keys(design.groups);
  const read = new Uint16Array(atlas.x.length).fill(groups.length);
  for (const [place, unit] of unitOf) read[place] = letters.indexOf(settledCodes(unit).group);
  return [
    ...atlas.layers.map((layer) => ({ label: `cluster, ${layer.name}`, names: layer.names, of: layer.member, rest: "no cluster" })),
    { label: "code given by readers", names: groups, of: read, rest: "not read" },
    ...(atlas.predicted ? [{ label: "predicted group", names: groups, of: atlas.predicted, rest: "not predicted" }] : []),
    { label: "frame", names: atlas.frames.map((frame) => frame.title), of: atlas.frame, rest: "" },
  ];
}

function startMap() {
  const canvas = byId("map-canvas");
  const renderer = makeRenderer(canvas, atlas.x, atlas.y, atlas.steps);
  canvas.dataset.renderer = renderer.kind;
  const colourings = listColourings();
  const texts = atlas.title.map((title, place) => `${title} ${atlas.authors[place]}`.toLowerCase());
  const picture = { view: { scale: 1, left: 0, top: 0 }, chosen: -1, hovered: -1, only: -1, colouring: 0, alive: new Uint8Array(atlas.x.length).fill(1), found: null };
  const labels = listLabels();
  let isDue = false;

  const frameOf = () => {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const base = Math.min(width, height) * 0.94;
    const side = base * picture.view.scale;
    return { width, height, side, left: (width - base) / 2 + picture.view.left, top: (height - base) / 2 + picture.view.top, ratio: devicePixelRatio || 1, pointSize: Math.min(2.6 + picture.view.scale * 0.5, 9) };
  };
  const draw = () => {
    isDue = false;
    const frame = frameOf();
    if (canvas.width !== Math.round(frame.width * frame.ratio) || canvas.height !== Math.round(frame.height * frame.ratio)) {
      canvas.width = Math.round(frame.width * frame.ratio);
      canvas.height = Math.round(frame.height * frame.ratio);
    }
    renderer.draw(frame);
    drawOverlay(frame, picture, labels);
  };
  const schedule = () => {
    if (!isDue) requestAnimationFrame(draw);
    isDue = true;
  };
  const repaint = () => {
    renderer.paint(paintPoints(picture, colourings[picture.colouring]));
    schedule();
  };
  const refilter = () => {
    filterPoints(picture, texts);
    renderLegend(picture, colourings[picture.colouring], repaint);
    renderFound(picture, (place) => { picture.chosen = place; schedule(); openDocument(place); });
    repaint();
  };
  fillMapControls(colourings, picture, refilter);
  listenToPointer(canvas, picture, frameOf, schedule);
  byId("m-in").addEventListener("click", () => zoomBy(1.6, picture, frameOf(), schedule));
  byId("m-out").addEventListener("click", () => zoomBy(1 / 1.6, picture, frameOf(), schedule));
  byId("m-home").addEventListener("click", () => { picture.view = { scale: 1, left: 0, top: 0 }; schedule(); });
  new ResizeObserver(schedule).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);
  refilter();
}

const openDocument = (place) => go({ doc: atlas.id[place] }, true);

function filterPoints(picture, texts) {
  const frame = byId("m-frame").value;
  const [from, to] = [Number(byId("m-from").value), Number(byId("m-to").value)];
  const words = byId("m-search").value.trim().toLowerCase();
  const isEveryYear = byId("m-from").selectedIndex === 0 && byId("m-to").selectedIndex === byId("m-to").options.length - 1;
  picture.found = words ? [] : null;
  for (let place = 0; place < texts.length; place += 1) {
    const inFrame = !frame || atlas.frames[atlas.frame[place]].id === frame;
    const inYears = isEveryYear || (atlas.year[place] >= from && atlas.year[place] <= to);
    picture.alive[place] = inFrame && inYears ? 1 : 0;
    if (words && picture.alive[place] && texts[place].includes(words)) picture.found.push(place);
  }
}

function paintPoints(picture, colouring) {
  const shades = [...colouring.names.map((_, number) => PALETTE[number % PALETTE.length]), REST].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const found = picture.found && new Set(picture.found);
  const colours = new Uint8Array(4 * atlas.x.length);
  for (let place = 0; place < atlas.x.length; place += 1) {
    if (!picture.alive[place]) continue;
    const category = Math.min(colouring.of[place], colouring.names.length);
    const isLit = (!found || found.has(place)) && (picture.only < 0 || picture.only === category);
    const isRest = category === colouring.names.length;
    colours.set(shades[category], 4 * place);
    colours[4 * place + 3] = isLit ? (isRest ? 90 : SOLID) : FAINT;
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
    return { lines: breakLabel(name.split(" · ").slice(0, 2).join(", ")), x: middle(xs), y: middle(ys), size: xs.length };
  }).filter((label) => label.size).sort((one, other) => other.size - one.size));
}
