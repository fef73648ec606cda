// The estimator of pipeline/estimate/shares.py and phases.py, line for line: stratified PPI++ with pooled lambda, two-phase
// adjudication, Wilson's interval on the effective sample size. tests/test_report_browser.py compares the two to 1e-9.
const { pseudo: PSEUDO, least_pool: LEAST_POOL, most_leverage: MOST_LEVERAGE, least_pairs: LEAST_PAIRS, readers_worth: READERS_WORTH } = design.constants;
const NO_TRUST = 1e-9; // a lambda below this is a sum of rounding errors
const sizes = design.strata.map((stratum) => stratum.size);
const total = (rows, of) => rows.reduce((sum, row) => sum + of(row), 0);
const domainOf = (frame, year) => design.domains.find((domain) => domain.frame === frame && domain.year === year);
const sumBy = (rows, of) => {
  const sums = new Map();
  for (const row of rows) sums.set(row.stratum, (sums.get(row.stratum) || 0) + of(row));
  return sums;
};

// The adjudicated documents that each agreement cell is learnt from: its frame's where they suffice, else all frames'.
function poolsOf(units, frame) {
  const isHere = (unit) => design.strata[unit.stratum].frame === frame;
  const pool = units.filter((unit) => unit.isPool);
  const here = new Map();
  for (const unit of pool) if (isHere(unit)) here.set(unit.cell, (here.get(unit.cell) || 0) + 1);
  const used = pool.filter((unit) => isHere(unit) || (here.get(unit.cell) || 0) < LEAST_POOL);
  const pools = new Map();
  for (const pooled of used) {
    const { cell, stratum, y, base } = pooled;
    const weight = 1 / design.strata[stratum].probability;
    const sums = pools.get(cell) || { weight: 0, squares: 0, y: 0, base: 0, units: [] };
    sums.weight += weight;
    sums.squares += weight ** 2;
    sums.y += weight * y;
    sums.base += weight * base;
    sums.units.push({ ...pooled, weight });
    pools.set(cell, sums);
  }
  const hasOutside = used.some((unit) => unit.base < 1);
  const of = (cell) => {
    const sums = pools.get(cell);
    return sums ? { size: sums.weight ** 2 / sums.squares, counted: sums.y / sums.weight, inside: sums.base / sums.weight, units: sums.units } : { size: 0, counted: 0, inside: 0, units: [] };
  };
  return { of, hasOutside };
}

// The read documents of a domain, imputed where unsettled, with their predictions and weights.
function readDomain(units, domain, guess) {
  const pools = poolsOf(units, domain.frame);
  const rows = units.filter((unit) => domain.strata.includes(unit.stratum)).map((unit) => ({ ...unit, within: 0 }));
  const counts = sumBy(rows, () => 1);
  const population = domain.strata.reduce((sum, stratum) => sum + sizes[stratum], 0);
  const cells = new Map();
  for (const row of rows) if (!row.isSettled) cells.set(row.cell, [...(cells.get(row.cell) || []), row]);
  for (const [cell, members] of cells) {
    const pool = pools.of(cell);
    const part = pool.size / (pool.size + READERS_WORTH);
    const y = part * pool.counted + (1 - part) * (total(members, (row) => row.readerY) / members.length);
    const base = part * pool.inside + (1 - part) * (total(members, (row) => row.readerBase) / members.length);
    for (const row of members) Object.assign(row, { y, base });
  }
  for (const row of rows) {
    row.weight = sizes[row.stratum] / population / counts.get(row.stratum);
    const known = guess && design.guesses.read[row.unit];
    row.guessY = guess ? guess.y(known) : 0;
    row.guessBase = guess ? guess.base(known) : 0;
  }
  const strata = domain.strata.map((stratum) => ({
    stratum, count: counts.get(stratum), share: sizes[stratum] / population, unread: 1 - counts.get(stratum) / sizes[stratum],
    meanY: guess ? guess.y(design.guesses.strata[stratum]) : 0, meanBase: guess ? guess.base(design.guesses.strata[stratum]) : 0,
  }));
  return { rows, counts, cells, pools, strata, population, guess };
}

// Lambda: how far the predictions are trusted.
function tune(reads) {
  const { rows, strata } = reads;
  const base = total(rows, (row) => row.weight * row.base);
  const ratio = base > 0 ? total(rows, (row) => row.weight * row.y) / base : 0;
  const [y, f] = [centred(reads, (row) => row.y - ratio * row.base), centred(reads, (row) => row.guessY - ratio * row.guessBase)];
  const shared = sumBy(rows, (row) => y(row) * f(row));
  const own = sumBy(rows, (row) => f(row) ** 2);
  const below = total(strata, (part) => tuningScale(part) * own.get(part.stratum));
  if (!(below > 1e-12 * total(strata, tuningScale))) return 0;
  const factor = total(strata, (part) => tuningScale(part) * shared.get(part.stratum)) / below;
  return Math.abs(factor) > NO_TRUST ? factor : 0;
}

function centred({ rows, counts }, of) {
  const sums = sumBy(rows, of);
  return (row) => of(row) - sums.get(row.stratum) / counts.get(row.stratum);
}

const tuningScale = ({ share, unread, count }) => (share ** 2 * unread) / (count * Math.max(count - 1, 1));

// Lambda bends towards the documents it was learnt from: their residuals are divided by one less their part in it.
function undoLeverage(reads, share) {
  const f = centred(reads, (row) => row.guessY - share * row.guessBase);
  const scales = new Map(reads.strata.map((part) => [part.stratum, tuningScale(part)]));
  const part = (row) => scales.get(row.stratum) * f(row) ** 2;
  const whole = total(reads.rows, part);
  const own = centred(reads, (row) => row.residual);
  const added = reads.rows.map((row) => own(row) / (1 - Math.min(part(row) / whole, MOST_LEVERAGE)) - own(row));
  reads.rows.forEach((row, place) => { row.residual += added[place]; });
}

function withinVariance(pool, share, hasOutside) {
  const outcomes = [1 - share, -share, 0];
  const seen = [pool.counted, pool.inside - pool.counted, 1 - pool.inside].map((part, place) => pool.size * part + (PSEUDO / Math.max(pool.size, 1)) * (place < 2 || hasOutside ? 1 : 0));
  const sum = seen[0] + seen[1] + seen[2];
  const mean = seen.reduce((all, chance, place) => all + (chance / sum) * outcomes[place], 0);
  return seen.reduce((all, chance, place) => all + (chance / sum) * outcomes[place] ** 2, 0) - mean ** 2;
}

// What the covariance of codes and predictions inside an agreement cell takes off the variance of its unsettled documents.
function explainedVariance(pool, guess, share, base, factor, within) {
  if (!guess || !factor || pool.units.length < LEAST_PAIRS) return 0;
  const weight = total(pool.units, (unit) => unit.weight);
  const pairs = pool.units.map((unit) => {
    const known = design.guesses.read[unit.unit];
    return { part: unit.weight / weight, e: (unit.y - share * unit.base) / base, g: (factor * (guess.y(known) - share * guess.base(known))) / base };
  });
  const [e, g] = [total(pairs, (pair) => pair.part * pair.e), total(pairs, (pair) => pair.part * pair.g)];
  const shared = total(pairs, (pair) => pair.part * (pair.e - e) * (pair.g - g));
  const most = Math.sqrt(within * total(pairs, (pair) => pair.part * (pair.g - g) ** 2));
  return 2 * Math.min(Math.max(shared, -most), most);
}

// From reading a sample (shrunk stratum variances, finite population, a floor) and from adjudicating a part of it.
function varianceOf({ rows, counts, cells, pools, strata, guess }, share, base, factor) {
  let adjudication = 0;
  for (const [cell, members] of cells) {
    const pool = pools.of(cell);
    const within = withinVariance(pool, share, pools.hasOutside) / base ** 2;
    const explained = explainedVariance(pool, guess, share, base, factor, within);
    for (const row of members) row.within = within - explained;
    const part = pool.size / (pool.size + READERS_WORTH);
    adjudication += total(members, (row) => row.weight ** 2 * within) + ((part * total(members, (row) => row.weight)) ** 2 * within) / Math.max(pool.size - 1, 1);
  }
  const sums = sumBy(rows, (row) => row.residual);
  const squares = sumBy(rows, (row) => (row.residual - sums.get(row.stratum) / counts.get(row.stratum)) ** 2 + row.within);
  for (const [stratum, sum] of squares) squares.set(stratum, Math.max(sum, 0));
  const grand = total(rows, (row) => row.residual) / rows.length;
  const common = rows.length >= 2 * strata.length
    ? total(strata, ({ stratum }) => squares.get(stratum)) / (rows.length - strata.length)
    : Math.max(total(rows, (row) => (row.residual - grand) ** 2 + row.within), 0) / Math.max(rows.length - 1, 1);
  const sampling = total(strata, ({ stratum, share: part, unread, count }) => (part ** 2 * unread * ((squares.get(stratum) + common) / count)) / count);
  const half = 0.5 / (rows.filter((row) => row.base > 0).length + 1);
  const unread = new Map(strata.map((part) => [part.stratum, part.unread]));
  const floor = half * (1 - half) * total(rows, (row) => ((row.weight * row.base) / base) ** 2 * unread.get(row.stratum));
  return Math.max(sampling, floor) + adjudication;
}

function wilson(share, n) {
  const { z2 } = design;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Math.sqrt(z2 * ((share * (1 - share)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
  return [Math.max(centre - half, 0), Math.min(centre + half, 1)];
}

// The share of a domain; a year takes the lambda of its frame, since it is too small to learn one from.
function estimateShare(position, denominatorId, frame, year) {
  const units = readUnits(position, design.denominators[denominatorId]);
  const guess = guessPosition(position, denominatorId);
  const domain = domainOf(frame, year);
  const reads = readDomain(units, domain, guess);
  const facts = { n_read: reads.rows.length, n_population: reads.population, share: null, low: null, high: null, n_effective: null };
  const isRead = units.some((unit) => domain.strata.includes(unit.stratum) && unit.base > 0);
  const plain = [total(reads.rows, (row) => row.weight * row.y), total(reads.rows, (row) => row.weight * row.base)];
  if (!isRead || plain[1] <= 0) return facts;
  let factor = guess ? tune(year ? readDomain(units, domainOf(frame, ""), guess) : reads) : 0;
  const gain = (mean, own) => total(reads.strata, (part) => part.share * part[mean]) - total(reads.rows, (row) => row.weight * row[own]);
  let totals = [plain[0] + factor * gain("meanY", "guessY"), plain[1] + factor * gain("meanBase", "guessBase")];
  if (totals[1] <= plain[1] / 2) [factor, totals] = [0, plain];
  const share = Math.min(Math.max(totals[0] / totals[1], 0), 1);
  for (const row of reads.rows) row.residual = (row.y - factor * row.guessY - share * (row.base - factor * row.guessBase)) / totals[1];
  if (factor && !year) undoLeverage(reads, share);
  const variance = varianceOf(reads, share, totals[1], factor);
  const n_effective = effectiveSize(share, variance, reads.rows, factor && !year ? domain.t_ratio_tuned : domain.t_ratio);
  const isComplete = reads.rows.every((row) => row.isSettled) && reads.strata.every((part) => part.unread === 0);
  const [low, high] = isComplete ? [share, share] : wilson(share, n_effective);
  return { ...facts, share, low, high, n_effective };
}

function effectiveSize(share, variance, rows, ratio) {
  if (variance <= 0) return rows.length * ratio ** 2;
  const edge = 0.5 / (rows.filter((row) => row.base > 0).length + 1);
  const inner = Math.min(Math.max(share, edge), 1 - edge);
  return ((inner * (1 - inner)) / variance) * ratio ** 2;
}
