// The estimator of pipeline/estimate/shares.py, line for line: Hajek's ratio, two-phase adjudication, Wilson's interval
// on the effective sample size. tests/test_report_browser.py compares the two to 1e-9.
const AXES = ["target", "mechanism", "scaling", "evidence"];
const EMPTY_POOL = { size: 0, y: 0, base: 0 };

function makeEstimator(data) {
  const count = data.units.stratum.length;
  const readings = data.sheets.map((sheet) => {
    const rows = new Array(count).fill(null);
    sheet.unit.forEach((unit, place) => {
      rows[unit] = { group: sheet.leaf[place][0] };
      for (const column of ["leaf", "leaf2", ...AXES, "confidence", "note"]) rows[unit][column] = sheet[column][place];
    });
    return rows;
  });
  const adjudicator = readings[readings.length - 1];
  const readers = readings.slice(0, -1);
  const sizes = data.strata.map((stratum) => stratum.size);

  const matchAxes = (query, codes) => AXES.every((axis) => !query[axis].length || query[axis].includes(codes[axis]));
  const matchDefinition = (query, codes) =>
    matchAxes(query, codes) &&
    ((!query.groups.length && !query.leaves.length) ||
      (query.groups.includes(codes.group) && !query.without_leaves.includes(codes.leaf)) ||
      query.leaves.includes(codes.leaf)) &&
    (!query.any_of.length || query.any_of.some((part) => matchAxes(part, codes))) &&
    codes.confidence >= query.min_confidence;
  const matchDenominator = (query, codes) =>
    query.groups.includes(codes.group) && !query.without_leaves.includes(codes.leaf);

  // A position: a definition with some leaves moved in or out, whatever their axis codes.
  const matchPosition = (position, codes) =>
    position.include.includes(codes.leaf) ||
    (!position.exclude.includes(codes.leaf) && (position.query ? matchDefinition(position.query, codes) : false));

  // What the codes say of every unit: y and base where settled, the readers' mean elsewhere, and its agreement cell.
  const readUnits = (position, denominator) => {
    const units = [];
    for (let unit = 0; unit < count; unit += 1) {
      let readerY = 0;
      let readerBase = 0;
      for (const reader of readers) {
        const inside = matchDenominator(denominator, reader[unit]) ? 1 : 0;
        readerBase += inside / readers.length;
        readerY += (inside && matchPosition(position, reader[unit]) ? 1 : 0) / readers.length;
      }
      const settled = adjudicator[unit];
      const inPart = !data.always_settled.includes(data.units.phase2[unit]);
      const base = settled ? (matchDenominator(denominator, settled) ? 1 : 0) : readerBase;
      const y = settled ? (base && matchPosition(position, settled) ? 1 : 0) : readerY;
      const isSettled = data.units.is_settled[unit] === 1;
      units.push({ unit, y, base, readerY, readerBase, isSettled, isPool: inPart && isSettled, cell: inPart ? `${readerY} ${readerBase}` : "", stratum: data.units.stratum[unit] });
    }
    return units;
  };

  const poolsOf = (units) => {
    const pools = new Map();
    for (const unit of units) {
      if (!unit.isPool) continue;
      const pool = pools.get(unit.cell) || { size: 0, y: 0, base: 0 };
      pool.size += 1;
      pool.y += unit.y;
      pool.base += unit.base;
      pools.set(unit.cell, pool);
    }
    return pools;
  };

  const impute = (rows, pools) => {
    const cells = new Map();
    for (const row of rows) if (!row.isSettled) cells.set(row.cell, [...(cells.get(row.cell) || []), row]);
    for (const [name, members] of cells) {
      const pool = pools.get(name) || EMPTY_POOL;
      const mean = (key) => members.reduce((sum, row) => sum + row[key], 0) / members.length;
      const y = (pool.y + mean("readerY")) / (pool.size + 1);
      const base = (pool.base + mean("readerBase")) / (pool.size + 1);
      for (const row of members) Object.assign(row, { y, base });
    }
    return cells;
  };

  const withinVariance = (pool, share) => {
    const chances = [pool.y, pool.base - pool.y, pool.size - pool.base].map((number) => (number + 1 / 3) / (pool.size + 1));
    const outcomes = [1 - share, -share, 0];
    const mean = chances.reduce((sum, chance, place) => sum + chance * outcomes[place], 0);
    return chances.reduce((sum, chance, place) => sum + chance * outcomes[place] ** 2, 0) - mean ** 2;
  };

  // Shrunk stratum variances with the finite population, and never less than half a document's worth.
  const samplingVariance = (rows, strata, counts, total, base) => {
    const sum = new Map();
    for (const row of rows) sum.set(row.stratum, (sum.get(row.stratum) || 0) + row.residual);
    const squares = new Map();
    const grand = rows.reduce((all, row) => all + row.residual, 0) / rows.length;
    let overall = 0;
    for (const row of rows) {
      const mean = sum.get(row.stratum) / counts.get(row.stratum);
      squares.set(row.stratum, (squares.get(row.stratum) || 0) + (row.residual - mean) ** 2 + row.within);
      overall += (row.residual - grand) ** 2 + row.within;
    }
    overall /= Math.max(rows.length - 1, 1);
    let variance = 0;
    for (const stratum of strata) {
      const n = counts.get(stratum);
      const share = sizes[stratum] / total;
      variance += (share ** 2 * (1 - n / sizes[stratum]) * ((squares.get(stratum) + overall) / n)) / n;
    }
    const half = 0.5 / (rows.filter((row) => row.base > 0).length + 1);
    const spread = rows.reduce((all, row) => all + ((row.weight * row.base) / base) ** 2 * (1 - counts.get(row.stratum) / sizes[row.stratum]), 0);
    return Math.max(variance, half * (1 - half) * spread);
  };

  const wilson = (share, n) => {
    const z2 = data.z2;
    const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    const half = Math.sqrt(z2 * ((share * (1 - share)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    return [Math.max(centre - half, 0), Math.min(centre + half, 1)];
  };

  const domainOf = (frame, year) => data.domains.find((domain) => domain.frame === frame && domain.year === year);

  const estimate = (units, domain) => {
    const rows = units.filter((unit) => domain.strata.includes(unit.stratum)).map((unit) => ({ ...unit, within: 0 }));
    const counts = new Map();
    for (const row of rows) counts.set(row.stratum, (counts.get(row.stratum) || 0) + 1);
    const strata = [...counts.keys()];
    const total = strata.reduce((sum, stratum) => sum + sizes[stratum], 0);
    const facts = { n_read: rows.length, n_population: total, share: null, low: null, high: null, n_effective: null };
    if (!rows.some((row) => row.base > 0)) return facts;
    const pools = poolsOf(units);
    const cells = impute(rows, pools);
    for (const row of rows) row.weight = sizes[row.stratum] / total / counts.get(row.stratum);
    const base = rows.reduce((sum, row) => sum + row.weight * row.base, 0);
    if (base <= 0) return facts;
    const share = Math.min(Math.max(rows.reduce((sum, row) => sum + row.weight * row.y, 0) / base, 0), 1);
    let adjudication = 0;
    for (const [name, members] of cells) {
      const pool = pools.get(name) || EMPTY_POOL;
      const within = withinVariance(pool, share) / base ** 2;
      for (const row of members) {
        row.within = within;
        adjudication += row.weight ** 2 * within;
      }
      adjudication += (members.reduce((sum, row) => sum + row.weight, 0) ** 2 * within) / Math.max(pool.size - 1, 1);
    }
    for (const row of rows) row.residual = (row.y - share * row.base) / base;
    const variance = samplingVariance(rows, strata, counts, total, base) + adjudication;
    const isComplete = rows.every((row) => row.isSettled) && strata.every((stratum) => counts.get(stratum) === sizes[stratum]);
    const n_effective = effectiveSize(share, variance, rows, domain.t_ratio);
    const [low, high] = isComplete ? [share, share] : wilson(share, n_effective);
    return { ...facts, share, low, high, n_effective };
  };

  const effectiveSize = (share, variance, rows, ratio) => {
    if (variance <= 0) return rows.length;
    const edge = 0.5 / (rows.filter((row) => row.base > 0).length + 1);
    const inner = Math.min(Math.max(share, edge), 1 - edge);
    return ((inner * (1 - inner)) / variance) * ratio ** 2;
  };

  const settledCodes = (unit) => adjudicator[unit] || readers[0][unit];

  return { readings, readers, adjudicator, settledCodes, matchPosition, matchDenominator, readUnits, estimate, domainOf };
}
