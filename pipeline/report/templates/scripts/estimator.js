// Shares from the table of weights, as pipeline/estimate/shares.py makes them: ratios of weighted sums, their variance over
// the replicates, Wilson's interval on the effective size within what was read, ends nested over the codebook's queries.
// tests/test_report_browser.py compares the two to 1e-9.
const SURE = 0.5 - 1e-6; // chance from which an unsettled document counts as read to be something
const PRIOR_HITS = 3; // as in shares.py
const FINE = 1e-12; // what lies below is a rounding error
const weights = design.weights;
const nRecords = weights.records.leaf.length;
const records = weights.records.leaf.map((leaf, place) => {
  const codes = { leaf, group: groupOf[leaf] };
  for (const column of ["leaf2", ...AXES, "confidence"]) codes[column] = weights.records[column][place];
  return codes;
});
const nUnits = weights.weight.length;
const changeRates = gatherRates(new Uint8Array(replicateBytes, 0, 8 * weights.n_rates * weights.n_replicates));
function gatherRates(bytes) {
  const [count, gathered] = [bytes.length / 8, new Uint8Array(bytes.length)];
  for (let byte = 0; byte < 8; byte += 1) for (let at = 0; at < count; at += 1) gathered[8 * at + byte] = bytes[byte * count + at];
  return new Float64Array(gathered.buffer);
}
const [replicateWeights, replicateCodes] = [0, 1].map((number) => new Uint16Array(replicateBytes, changeRates.byteLength + 2 * number * nUnits * weights.n_replicates, nUnits * weights.n_replicates));
const domainOf = (frame, year) => design.domains.find((domain) => domain.frame === frame && domain.year === year);

const parts = new Map();
function partOf(domain, by) {
  const key = `${domain.frame}/${domain.year}/${by}`;
  if (!parts.has(key)) parts.set(key, takePart(domain, by));
  return parts.get(key);
}

// What each code weighs in a frame or year, the estimate first and then each replicate; and what was read there. Every
// document counts for one, or for its size.
function takePart(domain, by) {
  const sizes = by === DOCUMENTS ? null : design.sizes[by][domain.frame];
  const sizeOf = (place) => (sizes ? sizes.size[place] : 1);
  const rows = domain.units;
  const totals = new Float64Array((1 + weights.n_replicates) * nRecords);
  const [read, leverage] = [new Float64Array(nRecords), new Float64Array(nRecords)];
  const chances = rows.map((unit) => chancesOf(unit));
  rows.forEach((unit, place) => {
    const size = sizeOf(place);
    const weight = weights.weight[unit] * size;
    for (const [code, chance] of chances[place]) {
      totals[code] += weight * chance;
      leverage[code] += weight ** 2 * (1 - weights.probability[unit]) * chance;
      if (weights.is_settled[unit]) read[code] += chance * size;
    }
    const [codes, shares] = weights.changed[unit];
    const [own, rates] = [unit * weights.n_replicates, weights.rate_of[unit] * weights.n_replicates];
    for (let number = 0; number < weights.n_replicates; number += 1) {
      const start = (1 + number) * nRecords;
      const drawn = replicateWeights[own + number] * weights.step * size;
      const change = codes.length ? changeRates[rates + number] : 0;
      totals[start + replicateCodes[own + number]] += drawn * (1 - change);
      for (let at = 0; at < codes.length; at += 1) totals[start + codes[at]] += drawn * change * shares[at];
    }
  });
  const counted = chances.filter((_, place) => sizeOf(place));
  return { domain, rows, totals, read, leverage, chances: counted, population: sizes ? sizes.total : domain.n_population };
}

// The codes a document may have, with their chances all told.
function chancesOf(unit) {
  const found = new Map();
  const add = ([codes, shares], part) => codes.forEach((code, at) => found.set(code, (found.get(code) || 0) + part * shares[at]));
  add(weights.kept[unit], 1 - weights.change[unit]);
  if (weights.change[unit]) add(weights.changed[unit], weights.change[unit]);
  return [...found];
}

const listOf = (match) => {
  const codes = [];
  for (let code = 0; code < nRecords; code += 1) if (match[code]) codes.push(code);
  return codes;
};
const dot = (table, start, codes) => {
  let sum = 0;
  for (let at = 0; at < codes.length; at += 1) sum += table[start + codes[at]];
  return sum;
};
function countSure(part, match) {
  let sure = 0;
  for (const chances of part.chances) {
    let sum = 0;
    for (let at = 0; at < chances.length; at += 1) if (match[chances[at][0]]) sum += chances[at][1];
    if (sum >= SURE) sure += 1;
  }
  return sure;
}
// What the replicates of a part weigh within a denominator: many queries ask for the same.
function baseOf(part, inside) {
  if (!part.bases) part.bases = new Map();
  if (!part.bases.has(inside)) {
    const codes = listOf(inside);
    const within = Float64Array.from({ length: 1 + weights.n_replicates }, (_, number) => dot(part.totals, number * nRecords, codes));
    part.bases.set(inside, { within, sure: countSure(part, inside), leverage: dot(part.leverage, 0, codes) });
  }
  return part.bases.get(inside);
}

// The share of one query, before its ends are nested.
function estimateMatch(part, match, inside) {
  const { domain, totals, read } = part;
  const whole = baseOf(part, inside);
  const [base, codes] = [whole.within[0], listOf(match)];
  const facts = { n_read: part.rows.length, n_population: domain.n_population, share: null, low: null, high: null, n_effective: null };
  if (base <= FINE) return facts;
  const share = Math.min(Math.max(dot(totals, 0, codes) / base, 0), 1);
  const replicates = [];
  for (let number = 1; number <= weights.n_replicates; number += 1) {
    const below = whole.within[number];
    if (below > FINE) replicates.push(Math.min(Math.max(dot(totals, number * nRecords, codes) / below, 0), 1));
  }
  const mean = replicates.reduce((sum, value) => sum + value, 0) / replicates.length;
  const spread = replicates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / replicates.length;
  const edge = 0.5 / (whole.sure + 1);
  const leverage = whole.leverage / base ** 2;
  const floor = edge * (1 - edge) * leverage;
  const kept = Math.min(Math.max(share, edge), 1 - edge);
  const variance = Math.max(steadyVariance(kept, Math.max(spread, floor), leverage), floor);
  const n_effective = (variance > 0 ? (kept * (1 - kept)) / variance : part.rows.length) * domain.t_ratio ** 2;
  if (variance < FINE && floor < FINE) return { ...facts, share, low: share, high: share, n_effective };
  const others = inside.map((isIn, code) => isIn && !match[code]);
  const [yes, no] = [dot(read, 0, codes), dot(read, 0, listOf(others))];
  const left = Math.max(part.population - read.reduce((sum, value) => sum + value, 0), 0);
  const all = Math.max(yes + no + left, FINE);
  const [low, high] = wilson(share, n_effective);
  return {
    ...facts, share, n_effective,
    low: Math.min(countSure(part, match) ? Math.max(low, yes / all) : yes / all, share),
    high: Math.max(countSure(part, others) ? Math.min(high, (yes + left) / all) : (yes + left) / all, share),
  };
}

// A variance drawn to the binomial one, which counts as much as so many read documents of the rarer side.
function steadyVariance(share, variance, leverage) {
  const [rarer, prior] = [Math.min(share, 1 - share), PRIOR_HITS * leverage];
  return (rarer * variance + prior * share * (1 - share) * leverage) / Math.max(rarer + prior, FINE);
}

function wilson(share, n) {
  const { z2 } = design;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Math.sqrt(z2 * ((share * (1 - share)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
  return [Math.min(Math.max(centre - half, 0), share), Math.max(Math.min(centre + half, 1), share)];
}

// Which codes are in the denominator, and which of them count: as the tables do for every query of the codebook.
const insides = new Map();
function insideOf(denominatorId) {
  if (!insides.has(denominatorId)) insides.set(denominatorId, records.map((codes) => matchDenominator(design.denominators[denominatorId], codes)));
  return insides.get(denominatorId);
}
const matchOf = (position, inside) => records.map((codes, place) => inside[place] && matchPosition(position, codes));
const bare = (query) => ({ query, include: [], exclude: [] });
const leavesOf = (codes) => ({ query: null, include: codes, exclude: [] });
const codebookPositions = [
  ...design.definitions.map(bare),
  ...Object.keys(design.groups).map((group) => leavesOf(allLeaves.filter((leaf) => groupOf[leaf] === group))),
  ...allLeaves.map((leaf) => leavesOf([leaf])),
  ...design.joined.map(leavesOf),
];
const batches = new Map();
function batchOf(domain, denominatorId, by) {
  const key = `${domain.frame}/${domain.year}/${denominatorId}/${by}`;
  if (!batches.has(key)) {
    const [part, inside] = [partOf(domain, by), insideOf(denominatorId)];
    const matches = codebookPositions.map((position) => matchOf(position, inside));
    batches.set(key, { part, inside, matches, rows: matches.map((match) => estimateMatch(part, match, inside)) });
  }
  return batches.get(key);
}
const holds = (wide, narrow) => narrow.every((isIn, code) => !isIn || wide[code]);

// Ends such that none of a narrower query's is above a wider one's, over the codebook's queries.
function nestEnds(own, match, matches, rows) {
  const wider = rows.filter((_, place) => holds(matches[place], match)).map((row) => row.low);
  const narrower = rows.filter((_, place) => holds(match, matches[place])).map((row) => row.high);
  return { ...own, low: Math.min(own.low, ...wider), high: Math.max(own.high, ...narrower) };
}

function estimateShare(position, denominatorId, frame, year, by = DOCUMENTS) {
  const { part, inside, matches, rows } = batchOf(domainOf(frame, year), denominatorId, by);
  const match = matchOf(position, inside);
  const own = estimateMatch(part, match, inside);
  return own.share === null ? own : nestEnds(own, match, matches, rows);
}

// How many documents count: their share of everything, times all documents, as pipeline/estimate/totals.py does.
const everything = records.map(() => true);
const counts = new Map();
function estimateCount(position, denominatorId, frame, year) {
  const domain = domainOf(frame, year);
  const { part, inside, matches } = batchOf(domain, denominatorId, DOCUMENTS);
  const key = `${frame}/${year}/${denominatorId}`;
  if (!counts.has(key)) {
    const all = [inside, ...matches];
    counts.set(key, { all, rows: all.map((match) => estimateMatch(part, match, everything)) });
  }
  const { all, rows } = counts.get(key);
  const match = matchOf(position, inside);
  const row = nestEnds(estimateMatch(part, match, everything), match, all, rows);
  return { count: row.share * domain.n_population, low: row.low * domain.n_population, high: row.high * domain.n_population };
}
