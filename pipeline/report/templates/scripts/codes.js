// The queries over codes of pipeline/coding/definitions.py, and what they say of every read document.
const AXES = Object.keys(design.axes).filter((axis) => axis !== "confidence");
const allLeaves = Object.keys(design.leaves);
const groupOf = design.group_of;

function unfoldSheets() {
  const count = design.units.stratum.length;
  return design.sheets.map((sheet) => {
    const rows = new Array(count).fill(null);
    sheet.unit.forEach((unit, place) => {
      rows[unit] = { group: groupOf[sheet.leaf[place]] };
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

const matchLeaf = (query, leaf) =>
  ((!query.groups.length && !query.leaves.length) || query.groups.includes(groupOf[leaf])) && !query.without_leaves.includes(leaf) ||
  query.leaves.includes(leaf);
const matchQuery = (query, codes) =>
  Object.entries(query.axes).every(([axis, wanted]) => wanted.includes(codes[axis])) &&
  codes.confidence >= query.min_confidence &&
  (matchLeaf(query, codes.leaf) || Boolean(query.count_second && codes.leaf2 && matchLeaf(query, codes.leaf2))) &&
  (!query.any_of.length || query.any_of.some((part) => matchQuery(part, codes)));
const matchDefinition = matchQuery;
const matchDenominator = matchQuery;

// A position: a definition with some leaves moved in or out, whatever their axis codes.
const matchPosition = (position, codes) =>
  position.include.includes(codes.leaf) ||
  (!position.exclude.includes(codes.leaf) && (position.query ? matchDefinition(position.query, codes) : false));

const isSetOfLeaves = (query) =>
  !query || (!Object.keys(query.axes).length && !query.count_second && query.min_confidence <= 1 && query.any_of.every(isSetOfLeaves));
