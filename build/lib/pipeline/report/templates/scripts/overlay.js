// What lies over the points: labels, the ring around the chosen document, and the pointer's and keyboard's doings.
const LINE_HEIGHT = 15;
const LABEL_LETTERS = 22;

// A long name takes two lines, broken at the blank nearest its middle.
function breakLabel(text) {
  if (text.length <= LABEL_LETTERS) return [text];
  const blanks = [...text.matchAll(/ /g)].map((match) => match.index);
  if (!blanks.length) return [text];
  const middle = blanks.reduce((best, at) => (Math.abs(at - text.length / 2) < Math.abs(best - text.length / 2) ? at : best));
  return [text.slice(0, middle), text.slice(middle + 1)];
}

function drawOverlay(frame, picture, labels) {
  const overlay = byId("map-labels");
  overlay.width = frame.width * frame.ratio;
  overlay.height = frame.height * frame.ratio;
  const pen = overlay.getContext("2d");
  pen.scale(frame.ratio, frame.ratio);
  const style = getComputedStyle(document.body);
  const toScreen = (x, y) => [frame.left + x * frame.side, frame.top + (1 - y) * frame.side];
  const isFine = picture.view.scale >= FINE_AT && labels.length > 1;
  pen.font = `600 ${isFine ? 12 : 13}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.lineJoin = "round";
  const taken = [];
  for (const label of labels[isFine ? labels.length - 1 : 0]) {
    const half = Math.max(...label.lines.map((line) => pen.measureText(line).width)) / 2;
    let [x, y] = toScreen(label.x, label.y);
    if (x < 0 || y < 0 || x > frame.width || y > frame.height) continue;
    x = Math.min(Math.max(x, half + 4), frame.width - half - 4);
    const box = [x - half - 4, y - 14, x + half + 4, y + 6 + LINE_HEIGHT * (label.lines.length - 1)];
    if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
    taken.push(box);
    pen.lineWidth = 4;
    pen.strokeStyle = style.backgroundColor;
    pen.fillStyle = style.color;
    label.lines.forEach((line, number) => pen.strokeText(line, x, y + LINE_HEIGHT * number));
    label.lines.forEach((line, number) => pen.fillText(line, x, y + LINE_HEIGHT * number));
  }
  for (const place of [picture.hovered, picture.chosen]) {
    if (place < 0) continue;
    const [x, y] = toScreen(atlas.x[place] / atlas.steps, atlas.y[place] / atlas.steps);
    pen.lineWidth = 2;
    pen.strokeStyle = style.color;
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.stroke();
  }
}

function nearestPoint(x, y, frame, picture) {
  const reach = 14 / frame.side;
  const [px, py] = [((x - frame.left) / frame.side) * atlas.steps, (1 - (y - frame.top) / frame.side) * atlas.steps];
  let [best, least] = [-1, (reach * atlas.steps) ** 2];
  for (let place = 0; place < atlas.x.length; place += 1) {
    if (!picture.alive[place]) continue;
    const distance = (atlas.x[place] - px) ** 2 + (atlas.y[place] - py) ** 2;
    if (distance < least) [best, least] = [place, distance];
  }
  return best;
}

function showTip(place) {
  const tip = byId("tip");
  tip.replaceChildren();
  if (place < 0) return;
  const facts = [atlas.frames[atlas.frame[place]].title, atlas.year[place] || "no date", unitOf.has(place) ? "read" : "not read"];
  tip.append(linkOrText(atlas.url[place], atlas.title[place] || "(no title)"), ` (${facts.join("; ")})`);
}

function zoomBy(factor, picture, frame, schedule, x = frame.width / 2, y = frame.height / 2) {
  const { view } = picture;
  const scale = Math.min(Math.max(view.scale * factor, 0.8), MAX_SCALE);
  const base = frame.side / view.scale;
  const [left, top] = [x - (frame.width - base) / 2, y - (frame.height - base) / 2];
  view.left = left - ((left - view.left) * scale) / view.scale;
  view.top = top - ((top - view.top) * scale) / view.scale;
  view.scale = scale;
  schedule();
}

function listenToPointer(canvas, picture, frameOf, schedule) {
  const fingers = new Map();
  let hasMoved = false;
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    hasMoved = fingers.size > 1;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const place = [event.offsetX, event.offsetY];
    const last = fingers.get(event.pointerId);
    if (!last) {
      hover(nearestPoint(...place, frameOf(), picture));
      return;
    }
    if (Math.hypot(place[0] - last[0], place[1] - last[1]) < 3 && !hasMoved) return;
    hasMoved = true;
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, place);
    if (other) {
      const span = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]) || 1;
      zoomBy(span(place) / span(last), picture, frameOf(), schedule, ...other[1]);
    } else {
      picture.view.left += place[0] - last[0];
      picture.view.top += place[1] - last[1];
      schedule();
    }
  });
  const hover = (place) => {
    if (place === picture.hovered) return;
    picture.hovered = place;
    if (place >= 0) showTip(place);
    schedule();
  };
  const lift = (event) => fingers.delete(event.pointerId);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("pointerup", (event) => {
    lift(event);
    if (hasMoved) return;
    const place = nearestPoint(event.offsetX, event.offsetY, frameOf(), picture);
    picture.chosen = place;
    showTip(place);
    schedule();
    if (place >= 0) openDocument(place);
  });
  // The wheel scrolls the page until the map was chosen, so that nobody gets stuck on it.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), picture, frameOf(), schedule, event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (step) {
      picture.view.left += step[0];
      picture.view.top += step[1];
    } else if (event.key === "+" || event.key === "-") zoomBy(event.key === "+" ? 1.4 : 1 / 1.4, picture, frameOf(), schedule);
    else if (event.key === "0") picture.view = { scale: 1, left: 0, top: 0 };
    else return;
    event.preventDefault();
    schedule();
  });
}
