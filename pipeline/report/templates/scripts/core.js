// The data of the page: JSON and numbers, compressed, so that the file is small and asks for nothing.
const byId = (id) => document.getElementById(id);
function bytesOf(text) {
  const [letters, bytes] = [atob(text), new Uint8Array(Math.floor((text.length / 4) * 3) - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0))];
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}
const unzip = (text) => new Response(new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip")));
const packed = (id) => byId(id).textContent;
const [design, atlas, replicateBytes] = await Promise.all([unzip(packed("explorer-data")).json(), unzip(packed("read-data")).json(), unzip(packed("replicate-data")).arrayBuffer()]);

// The read documents come first, so that the number of a document is that of its codes too.
const unpack = (text) => new Uint16Array(bytesOf(text).buffer);
const PACKED = ["frame", "year", "predicted"];
for (const key of PACKED) if (atlas[key]) atlas[key] = unpack(atlas[key]);
atlas.layers.forEach((layer, number) => { layer.member = unpack(atlas.members[number]); });
const placeOf = new Map(atlas.id.map((id, place) => [id, place]));
const unitOf = new Map(atlas.id.map((_, place) => [place, place]));
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
