// The data of the page: JSON, compressed, so that the file is small and asks for nothing.
const byId = (id) => document.getElementById(id);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const readPacked = (id) => new Response(new Blob([bytesOf(byId(id).textContent)]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
const [design, atlas] = await Promise.all([readPacked("explorer-data"), readPacked("map-data")]);

const unpack = (text) => new Uint16Array(bytesOf(text).buffer);
for (const key of ["x", "y", "frame", "year", "predicted"]) if (atlas[key]) atlas[key] = unpack(atlas[key]);
for (const layer of atlas.layers) layer.member = unpack(layer.member);
const placeOf = new Map(atlas.id.map((id, place) => [id, place]));
const unitOf = new Map(design.units.document.map((place, unit) => [place, unit]));
const frameTitle = new Map(atlas.frames.map((frame) => [frame.id, frame.title]));

// Text is only ever set as text: no title, author or note can become markup.
function make(tag, settings = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(settings)) {
    if (key === "class") node.className = value;
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key in node && typeof value !== "string") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const formatPercent = (share) =>
  share === null ? "–" : 100 * share < 9.95 ? `${(100 * share).toFixed(1)}%` : `${(100 * share).toFixed(0)}%`;
const formatInterval = (row) => (row.low === null ? "–" : `${formatPercent(row.low).replace("%", "")}–${formatPercent(row.high)}`);
const formatCount = (number) => number.toLocaleString("en-US");
const sayLeaf = (code) => (code ? `${code} ${design.leaves[code] || design.groups[code] || ""}` : "");

function linkOrText(url, text) {
  return url ? make("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, text) : make("span", {}, text);
}

function debounce(action, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}

function saveText(text, name, kind) {
  const address = URL.createObjectURL(new Blob(kind === "text/csv" ? ["\ufeff", text] : [text], { type: kind }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
