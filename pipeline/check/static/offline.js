// Where items come from and codes go to in a file sent by mail: the file itself, and this browser, until they are saved.
"use strict";

const pack = JSON.parse(document.getElementById("pack").textContent);
const KEEP = `reading-room-${pack.id}`;
let kept = { kind: pack.session.kind, rows: {}, log: [] }, isStored = true, isSent = true;

try {
  kept = JSON.parse(localStorage.getItem(KEEP)) || kept;
} catch {
  isStored = false;
}

function keep() {
  isSent = false;
  try {
    localStorage.setItem(KEEP, JSON.stringify(kept));
    isStored = true;
  } catch {
    isStored = false;
  }
}

function rowOf(number) {
  return kept.rows[pack.items[number].key] || {};
}

function counts() {
  const waiting = pack.items.map((_, number) => number).filter((number) => rowOf(number).state !== "done");
  return { count: pack.items.length, done: pack.items.length - waiting.length,
    next: waiting.length ? waiting[0] : pack.items.length - 1, minutes_left: waiting.length * 40 / 60 };
}

function put(number, cells) {
  const key = pack.items[number].key, row = { ...rowOf(number), ...cells };
  if (!pack.session.required.every((name) => row[name])) row.state = "draft";
  row.saved_at = new Date().toISOString();
  kept.rows[key] = row;
  keep();
  return { row: { ...row }, ...counts(), notices: isStored ? [] : ["this browser keeps nothing: save to a file before you close the page"] };
}

function writeFile() {
  const facts = { coder: pack.session.coder, coder_kind: kept.kind, codebook_version: pack.session.codebook_version, pack: pack.id };
  const lines = pack.items.filter((item) => kept.rows[item.key]).map((item) => JSON.stringify({
    [pack.key]: item.key, ...kept.rows[item.key], ...facts, text_sha256: item.text_sha256, shown_sha256: item.shown_sha256,
    shown: String(item.text.length) }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "application/x-ndjson" }));
  link.download = `codes-${pack.session.coder}.jsonl`;
  link.click();
  isSent = true;
  byId("saved").textContent = `saved to ${link.download}: send it back`;
}

const source = {
  isOffline: true,
  describe: async () => ({ ...pack.session, kind: kept.kind, ...counts(), filters: [], notices: [], can_fetch: false, can_try: false, is_pack: true }),
  numbers: async () => ({ numbers: pack.items.map((_, number) => number), ...counts() }),
  item: async (number) => ({ ...pack.items[number], number, row: { ...rowOf(number) } }),
  save: async (number, cells) => {
    kept.log.push({ number, before: rowOf(number) });
    return put(number, cells);
  },
  undo: async () => {
    const last = kept.log.pop();
    if (!last) throw new Error("there is nothing to undo");
    kept.rows[pack.items[last.number].key] = last.before;
    keep();
    return { number: last.number };
  },
  kind: async (kind) => { kept.kind = kind; keep(); },
  history: async () => pack.items.map((item, number) => ({ number, title: item.title, row: rowOf(number) }))
    .filter((one) => one.row.saved_at).sort((a, b) => (a.row.saved_at < b.row.saved_at ? 1 : -1))
    .map(({ number, title, row }) => ({ number, title, codes: [row.leaf, row.leaf2, row.screen].filter(Boolean).join(" "),
      is_done: row.state === "done", is_unsure: row.unsure === "yes" || row.confidence === "1" })),
  agreement: async () => [],
};

document.getElementById("save-file").hidden = false;
document.getElementById("save-file").addEventListener("click", writeFile);
addEventListener("beforeunload", (event) => { if (!isSent) event.preventDefault(); });
