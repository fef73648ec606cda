// What lies over the points: labels, the ring around the chosen document, and the pointer's and keyboard's doings.
const LINE_HEIGHT = 15;
const LABEL_LETTERS = 22;
const NARROW = 600; // pixels of a map whose labels are small: the first part of a name, in short lines
const [NARROW_LINE, NARROW_LETTERS] = [11, 15];
const RINGS = 26; // how far from its cluster a label may be pushed, in steps

// A long name takes two lines, broken at the blank nearest its middle.
function breakLabel(text) {
  if (text.length <= LABEL_LETTERS) return [text];
  const blanks = [...text.matchAll(/ /g)].map((match) => match.index);
  if (!blanks.length) return [text];
  const middle = blanks.reduce((best, at) => (Math.abs(at - text.length / 2) < Math.abs(best - text.length / 2) ? at : best));
  return [text.slice(0, middle), text.slice(middle + 1)];
}

function wrapLabel(text) {
  const lines = [""];
  for (const word of text.split(":")[0].replace(/ \(unstable\)$/, "?").split(" ")) {
    if (lines[lines.length - 1] && (lines[lines.length - 1] + word).length >= NARROW_LETTERS) lines.push("");
    lines[lines.length - 1] += `${lines[lines.length - 1] ? " " : ""}${word}`;
  }
  return lines;
}

// Every label has a place: at its cluster where there is room, else as near as there is, with a line to the cluster.
function placeLabels(labels, frame, measure) {
  const isNarrow = frame.width < NARROW;
  const lineHeight = isNarrow ? NARROW_LINE : LINE_HEIGHT;
  const taken = [];
  const isFree = (box) => box[0] >= 2 && box[1] >= 2 && box[2] <= frame.width - 2 && box[3] <= frame.height - 2 && !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
  const placed = Object.assign([], { wanted: 0 }); // those whose cluster is in sight
  for (const label of labels) {
    const [x, y] = [frame.left + label.x * frame.side, frame.top + (1 - label.y) * frame.side];
    if (x < 0 || y < 0 || x > frame.width || y > frame.height) continue;
    placed.wanted += 1;
    const lines = isNarrow ? wrapLabel(label.name) : label.lines;
    const half = Math.max(...lines.map(measure)) / 2;
    const tall = lineHeight * (lines.length - 1);
    const boxAt = isNarrow ? ([left, top]) => [left - half - 1, top - 9, left + half + 1, top + 3 + tall] : ([left, top]) => [left - half - 4, top - 14, left + half + 4, top + 6 + tall];
    const spots = [[x, y]];
    for (let ring = 1; ring <= RINGS; ring += 1) for (let turn = 0; turn < 16; turn += 1) spots.push([x + ring * (isNarrow ? 14 : 22) * Math.cos((turn * Math.PI) / 8), y + ring * (isNarrow ? 11 : 16) * Math.sin((turn * Math.PI) / 8)]);
    const spot = spots.find((at) => isFree(boxAt(at)));
    if (!spot) continue;
    taken.push(boxAt(spot));
    placed.push({ lines, lineHeight, from: [x, y], at: spot, box: boxAt(spot) });
  }
  return placed;
}

function drawOverlay(frame) {
  const overlay = byId("map-labels");
  overlay.width = frame.width * frame.ratio;
  overlay.height = frame.height * frame.ratio;
  const pen = overlay.getContext("2d");
  pen.scale(frame.ratio, frame.ratio);
  const style = getComputedStyle(document.body);
  const isFine = map.view.scale >= FINE_AT * HOME.scale && map.labels.length > 1;
  pen.font = `600 ${frame.width < NARROW ? 10 : isFine ? 11 : 13}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.lineJoin = "round";
  const placed = placeLabels(map.labels[isFine ? map.labels.length - 1 : 0] || [], frame, (line) => pen.measureText(line).width);
  overlay.dataset.labels = String(placed.length);
  overlay.dataset.wanted = String(placed.wanted);
  pen.strokeStyle = style.color;
  pen.lineWidth = 1;
  for (const { from, at, box } of placed) {
    if (from[0] === at[0] && from[1] === at[1]) continue;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(Math.min(Math.max(from[0], box[0] + 4), box[2] - 4), Math.min(Math.max(from[1], box[1]), box[3]));
    pen.stroke();
    pen.fillStyle = style.color;
    pen.fillRect(from[0] - 2, from[1] - 2, 4, 4);
  }
  for (const { lines, lineHeight, at: [x, y] } of placed) {
    pen.lineWidth = 4;
    pen.strokeStyle = style.backgroundColor;
    pen.fillStyle = style.color;
    lines.forEach((line, number) => pen.strokeText(line, x, y + lineHeight * number));
    lines.forEach((line, number) => pen.fillText(line, x, y + lineHeight * number));
  }
  drawArea(pen, frame, style);
  for (const place of [map.hovered, map.chosen]) {
    if (place < 0) continue;
    const [x, y] = [frame.left + (atlas.x[place] / atlas.steps) * frame.side, frame.top + (1 - atlas.y[place] / atlas.steps) * frame.side];
    pen.lineWidth = 2;
    pen.strokeStyle = style.color;
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.stroke();
  }
}

function drawArea(pen, frame, style) {
  if (!map.area) return;
  pen.beginPath();
  map.area.forEach(([x, y], number) => pen[number ? "lineTo" : "moveTo"](frame.left + x * frame.side, frame.top + (1 - y) * frame.side));
  pen.closePath();
  pen.strokeStyle = style.color;
  pen.setLineDash([5, 4]);
  pen.lineWidth = 2;
  pen.stroke();
  pen.setLineDash([]);
}

function nearestPoint(x, y) {
  const frame = frameOfMap();
  const reach = 14 / frame.side;
  const [px, py] = [((x - frame.left) / frame.side) * atlas.steps, (1 - (y - frame.top) / frame.side) * atlas.steps];
  let [best, least] = [-1, (reach * atlas.steps) ** 2];
  for (let place = 0; place < atlas.x.length; place += 1) {
    if (!map.alive[place]) continue;
    const distance = (atlas.x[place] - px) ** 2 + (atlas.y[place] - py) ** 2;
    if (distance < least) [best, least] = [place, distance];
  }
  return best;
}

// What a point is, beside the pointer, or beside the point where a key or a finger chose it.
function showTip(place, x = 0, y = 0) {
  const tip = byId("tip");
  tip.hidden = place < 0;
  if (place < 0) return;
  const unit = unitOf.get(place);
  const facts = [atlas.frames[atlas.frame[place]].title, atlas.year[place] || "no date", unit === undefined ? "not read" : sayLeaf(settledCodes(unit).leaf)];
  tip.replaceChildren(make("b", {}, atlas.title[place] || "(no title)"), make("span", { class: "small" }, facts.join("; ")));
  const box = map.canvas.getBoundingClientRect();
  tip.style.left = `${Math.min(Math.max(x + 14, 0), Math.max(box.width - tip.offsetWidth - 4, 0))}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > box.height ? Math.max(y - tip.offsetHeight - 10, 0) : y + 18}px`;
}

function zoomBy(factor, x, y) {
  const frame = frameOfMap();
  const { view } = map;
  const [px, py] = [x ?? frame.width / 2, y ?? frame.height / 2];
  const at = [(px - frame.left) / frame.side, 1 - (py - frame.top) / frame.side];
  const scale = Math.min(Math.max(view.scale * factor, 0.8), MAX_SCALE);
  const side = (frame.side / view.scale) * scale;
  setView({ scale, x: at[0] - (px - frame.width / 2) / side, y: at[1] + (py - frame.height / 2) / side });
}

function moveBy(right, down) {
  const { side } = frameOfMap();
  setView({ ...map.view, x: map.view.x - right / side, y: map.view.y + down / side });
}

function listenToPointer(canvas) {
  const fingers = new Map();
  let hasMoved = false;
  const toMap = ([x, y]) => {
    const frame = frameOfMap();
    return [(x - frame.left) / frame.side, 1 - (y - frame.top) / frame.side];
  };
  const hover = (place, x, y) => {
    if (place === map.hovered) return;
    map.hovered = place;
    showTip(place, x, y);
    schedule();
  };
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    hasMoved = fingers.size > 1;
    if (map.isSelecting && !hasMoved) setArea([toMap([event.offsetX, event.offsetY])]);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const place = [event.offsetX, event.offsetY];
    const last = fingers.get(event.pointerId);
    if (!last) {
      hover(nearestPoint(...place), ...place);
      return;
    }
    if (Math.hypot(place[0] - last[0], place[1] - last[1]) < 3 && !hasMoved) return;
    hasMoved = true;
    hover(-1);
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, place);
    if (other) {
      const span = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]) || 1;
      zoomBy(span(place) / span(last), ...other[1]);
    } else if (map.isSelecting) {
      map.area.push(toMap(place));
      schedule();
    } else moveBy(place[0] - last[0], place[1] - last[1]);
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (map.isSelecting && hasMoved) setArea(map.area);
    if (hasMoved) return;
    const place = nearestPoint(event.offsetX, event.offsetY);
    map.chosen = place;
    schedule();
    if (place >= 0) openDocument(place);
  });
  // The wheel scrolls the page until the map was chosen, so that nobody gets stuck on it.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (step) moveBy(...step);
    else if (event.key === "+" || event.key === "-") zoomBy(event.key === "+" ? 1.4 : 1 / 1.4);
    else if (event.key === "0") setView({ ...HOME });
    else return;
    event.preventDefault();
  });
}
