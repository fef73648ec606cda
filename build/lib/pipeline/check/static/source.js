// Where items come from and codes go to: the page of this machine. Each save waits for the disk before it says so.
"use strict";

const token = new URLSearchParams(location.search).get("token") || "";

async function call(path, body, seen) {
  const options = { headers: { "X-Census-Token": token } };
  if (body) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    if (seen !== undefined) options.headers["X-Census-Seen"] = seen;
    options.body = JSON.stringify(body);
  }
  let answer, content;
  try {
    answer = await fetch(path, options);
    content = await answer.json();
  } catch {
    throw new Error("the page's program does not answer; start it again and open its new link");
  }
  if (!answer.ok) throw Object.assign(new Error(content.error || answer.statusText), { row: content.row });
  return content;
}

const source = {
  isOffline: false,
  describe: () => call("/api/session"),
  numbers: (stratum) => call(`/api/numbers?stratum=${encodeURIComponent(stratum)}`),
  item: (number) => call(`/api/item/${number}`),
  save: (number, cells, seen) => call(`/api/item/${number}`, cells, seen),
  undo: () => call("/api/undo", {}),
  kind: (kind) => call("/api/kind", { kind }),
  history: () => call("/api/history"),
  agreement: () => call("/api/agreement"),
  others: (number) => call(`/api/item/${number}/others`, {}),
  fetchText: (number) => call(`/api/item/${number}/fetch`, {}),
};
