// Nearness in meaning, from the census's vectors cut to a few directions: what lies near a document, or near what words find.
const NEAR_ROWS = 60;
const FEW = 8; // documents that words find, from which the direction of a search is taken

let meanings = null;
function openMeanings() {
  if (meanings || !atlas.meaning) return;
  const bytes = bytesOf(atlas.meaning.vectors);
  meanings = new Int8Array(2 * bytes.length);
  bytes.forEach((byte, at) => {
    meanings[2 * at] = (byte >> 4) - 8;
    meanings[2 * at + 1] = (byte & 15) - 8;
  });
}

function nearestInMeaning(places) {
  openMeanings();
  if (!meanings) return places;
  const width = atlas.meaning.width;
  const middle = new Float64Array(width);
  for (const place of places) for (let at = 0; at < width; at += 1) middle[at] += meanings[place * width + at];
  const scores = Float64Array.from(atlas.x, (_, place) => {
    let sum = 0;
    for (let at = 0; at < width; at += 1) sum += middle[at] * meanings[place * width + at];
    return sum;
  });
  const order = [...atlas.x.keys()].filter((place) => map.alive[place]);
  return order.sort((one, other) => scores[other] - scores[one]).slice(0, NEAR_ROWS);
}

// Words find documents by their letters; their middle finds what means the same in other words.
function searchByMeaning() {
  const found = map.found || [];
  map.found = nearestInMeaning(found.slice(0, FEW));
  map.renderer.paint(paintPoints());
  renderFound();
  byId("m-count").textContent = `${formatCount(map.found.length)} nearest in meaning to what the words found.`;
  schedule();
}
