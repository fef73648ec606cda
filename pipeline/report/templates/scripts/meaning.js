// Nearness in meaning, from the census's vectors in few bits a number: what lies near a document, or near what words find.
const NEAR_ROWS = 60;
const FEW = 8; // documents that words find, from which the direction of a search is taken

let meanings = null;
function openMeanings() {
  if (meanings || !atlas.meaning) return;
  const { bits, levels, vectors } = atlas.meaning;
  const [bytes, each, mask] = [bytesOf(vectors), 8 / bits, 2 ** bits - 1];
  meanings = new Int8Array(each * bytes.length);
  for (let at = 0; at < bytes.length; at += 1) {
    for (let part = 0; part < each; part += 1) meanings[each * at + part] = levels[(bytes[at] >> (8 - bits * (part + 1))) & mask];
  }
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
