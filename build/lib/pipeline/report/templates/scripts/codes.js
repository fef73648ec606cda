// The queries over codes of pipeline/estimate/definitions.py, and what they say of every read document.
const AXES = ["target", "mechanism", "scaling", "evidence"];
const allLeaves = Object.keys(design.leaves);

function unfoldSheets() {
  const count = design.units.stratum.length;
  return design.sheets.map((sheet) => {
    const rows = new Array(count).fill(null);
    sheet.unit.forEach((unit, place) => {
      rows[unit] = { group: sheet.leaf[place][0] };
      for (const column of ["leaf", "leaf2", ...AXES, "confidence", "note"]) rows[unit][column] = sheet[column][place];
      if (sheet.is_person) rows[unit].is_person = sheet.is_person[place];
    });
    return rows;
  });
}
const readings = unfoldSheets();
const adjudicator = readings[readings.length - 1];
const readers = readings.slice(0, -1);
const settledCodes = (unit) => adjudicator[unit] || readers[0][unit];

const matchAxes = (query, codes) => AXES.every((axis) => !query[axis].length || query[axis].includes(codes[axis]));
const matchDefinition = (query, codes) =>
  matchAxes(query, codes) &&
  ((!query.groups.length && !query.leaves.length) ||
    (query.groups.includes(codes.group) && !query.without_leaves.includes(codes.leaf)) ||
    query.leaves.includes(codes.leaf)) &&
  (!query.any_of.length || query.any_of.some((part) => matchAxes(part, codes))) &&
  codes.confidence >= query.min_confidence;
const matchDenominator = (query, codes) => query.groups.includes(codes.group) && !query.without_leaves.includes(codes.leaf);

// A position: a definition with some leaves moved in or out, whatever their axis codes.
const matchPosition = (position, codes) =>
  position.include.includes(codes.leaf) ||
  (!position.exclude.includes(codes.leaf) && (position.query ? matchDefinition(position.query, codes) : false));

const isSetOfLeaves = (query) => !query || (AXES.every((axis) => !query[axis].length) && !query.any_of.length && query.min_confidence <= 1);

// What the codes say of every unit: y and base where settled, the readers' mean elsewhere, and its agreement cell.
function readUnits(position, denominator) {
  return design.units.stratum.map((stratum, unit) => {
    let [readerY, readerBase] = [0, 0];
    for (const reader of readers) {
      const inside = matchDenominator(denominator, reader[unit]) ? 1 : 0;
      readerBase += inside / readers.length;
      readerY += (inside && matchPosition(position, reader[unit]) ? 1 : 0) / readers.length;
    }
    const settled = adjudicator[unit];
    const inPart = !design.always_settled.includes(design.units.phase2[unit]);
    const base = settled ? (matchDenominator(denominator, settled) ? 1 : 0) : readerBase;
    const y = settled ? (base && matchPosition(position, settled) ? 1 : 0) : readerY;
    const isSettled = design.units.is_settled[unit] === 1;
    const cell = inPart ? `${readerY} ${readerBase}` : "";
    return { unit, y, base, readerY, readerBase, isSettled, isPool: inPart && isSettled, cell, stratum };
  });
}

// The classifier's expectation of y and base: of each read document, and of each stratum's mean. None where the position
// moves lines of a definition that leaves alone do not decide: then the share comes from the read documents alone.
function guessPosition(position, denominatorId) {
  if (!design.guesses) return null;
  const denominator = design.denominators[denominatorId];
  const bare = allLeaves.map((leaf) => ({ leaf, group: leaf[0], confidence: 3 }));
  const inside = bare.map((codes) => matchDenominator(denominator, codes));
  const baseOf = sumLeaves(inside);
  if (isSetOfLeaves(position.query)) return { y: sumLeaves(bare.map((codes, place) => inside[place] && matchPosition(position, codes))), base: baseOf };
  if (position.include.length || position.exclude.length) return null;
  const column = design.guesses.queries.indexOf(`definition ${position.query.id} of ${denominatorId}`);
  return { y: (row) => row[column], base: baseOf };
}

function sumLeaves(isIn) {
  if (isIn.every(Boolean)) return () => 1;
  const columns = allLeaves.filter((_, place) => isIn[place]).map((leaf) => design.guesses.queries.indexOf(`leaf ${leaf}`));
  return (row) => columns.reduce((sum, column) => sum + row[column], 0);
}
