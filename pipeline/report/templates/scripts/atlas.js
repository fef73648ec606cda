// The map and the documents that nobody read lie in a file beside the page, and come when they are wanted.
const MAP_FILE = "map.js";
let opening = null;
let isWhole = false;
function openAtlas() {
  if (!opening) opening = loadMap().then(joinAtlas);
  opening.catch(() => { opening = null; });
  return opening;
}

// A script element, since a page opened from a folder may not ask for a file in any other way.
function loadMap() {
  return new Promise((resolve, reject) => {
    const script = make("script", { src: MAP_FILE });
    const fail = (why) => { script.remove(); reject(new Error(why)); };
    window.openMap = (key, text) => (key === design.map_key ? resolve(text) : fail(`The file ${MAP_FILE} beside this page belongs to another report: the map needs the one that came with it.`));
    script.onerror = () => fail(`The file ${MAP_FILE} is not beside this page: without it there is no map, and nothing of documents that nobody read.`);
    document.head.append(script);
  });
}

const together = (first, second) => {
  const all = new Uint16Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
};

async function joinAtlas(text) {
  const more = await unzip(text).json();
  more.id.forEach((id, number) => placeOf.set(id, atlas.id.length + number));
  for (const key of ["id", "title", "authors", "date", "url"]) atlas[key] = atlas[key].concat(more[key]);
  for (const key of PACKED) if (atlas[key]) atlas[key] = together(atlas[key], unpack(more[key]));
  atlas.layers.forEach((layer, number) => { layer.member = together(layer.member, unpack(more.members[number])); });
  Object.assign(atlas, { steps: more.steps, x: unpack(more.x), y: unpack(more.y), meaning: more.meaning });
  isWhole = true;
}

// Whether a link names a document that the page has not, so that the file beside it has to be asked.
function isBeyond(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  return !isWhole && atlas.count > atlas.id.length && ["doc", "like"].some((key) => given.get(key) && !placeOf.has(given.get(key)));
}
const sayMissing = (error) => {
  const note = byId("l-map");
  note.hidden = !error;
  note.textContent = error ? error.message : "";
};
