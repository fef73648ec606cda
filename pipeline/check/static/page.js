// The reading room. Every key is sent at once, one after another; nothing moves on before it is on disk.
"use strict";

let session, item, step, numbers = [], stratum = "", queue = Promise.resolve(), waiting = 0, failed = false, failures = 0, keys = Promise.resolve();

function say(message, isError = false) {
  byId("saved").textContent = message;
  byId("saved").classList.toggle("error", isError);
}

function showProgress(counts) {
  if (counts) Object.assign(session, { done: counts.done, count: counts.count, minutes_left: counts.minutes_left });
  const left = session.count - session.done, minutes = Math.max(1, Math.round(session.minutes_left));
  const time = left ? `, about ${minutes} min left` : "";
  byId("progress").textContent = `${session.title} · ${session.coder}: ${session.done} of ${session.count}${time}`;
  byId("bar").value = session.count ? session.done / session.count : 0;
}

// Sends cells; resolves to whether they are on disk. After a failure the screen shows what is saved, not what was pressed.
function save(cells) {
  const here = item, before = { ...here.row };
  Object.assign(here.row, cells);
  say("saving …");
  waiting += 1;
  queue = queue.then(async () => {
    try {
      const answer = await source.save(here.number, cells, here.row.saved_at || "");
      Object.assign(here.row, answer.row);
      here.answer = answer.answer;
      waiting -= 1;
      failed = false;
      await refreshCounts(answer);
      if (!waiting) say([answer.row.state === "done" ? "saved, done" : "saved, not yet complete", ...(answer.notices || [])].join(". "));
      if (answer.certified && here === item && byId("certified")) byId("certified").textContent = answer.certified;
      if (tabs) tabs.postMessage({ number: here.number });
      return true;
    } catch (error) {
      waiting -= 1;
      failed = true;
      failures += 1;
      here.row = error.row || before;
      if (here === item) { step = null; draw(); }
      say(`NOT SAVED: ${error.message}`, true);
      return false;
    }
  });
  return queue;
}

async function refreshCounts(answer) {
  if (!stratum) return showProgress(answer);
  const found = await source.numbers(stratum);
  showProgress(found);
}

async function choose(asked, code) {
  const here = item, cells = {};
  if (asked.name === "group") {
    const leaves = session.leaves.filter(([leaf]) => session.group_of[leaf] === code);
    if (leaves.length > 1) {
      here.group = code;
      if (here.row.leaf && session.group_of[here.row.leaf] !== code) await save({ leaf: "" });
      step = session.steps.find((one) => one.name === "leaf");
      return draw();
    }
    Object.assign(cells, { leaf: leaves[0][0] });
  } else cells[asked.name] = code;
  if (cells.leaf) Object.assign(cells, missingOf(here, session.follows[session.group_of[cells.leaf]] || {}));
  const after = { row: { ...here.row, ...cells } };
  const wantsSecond = asked.name !== "leaf2" && stepsOf(after).some((one) => one.name === "leaf2") && !after.row.leaf2;
  const isLast = isComplete(after) && !wantsSecond && !nextStep({ ...here, row: after.row });
  const wasDone = here.row.state === "done";
  if (isLast) cells.state = "done";
  const isSaved = await save(cells);
  if (!isSaved || here !== item) return undefined;
  if (isLast && !wasDone && !here.answer) return forward();
  step = nextStep(item) || (wantsSecond ? stepsOf(item).find((one) => one.name === "leaf2") : null);
  return draw();
}

function missingOf(here, cells) {
  return Object.fromEntries(Object.entries(cells).filter(([name]) => !here.row[name]));
}

function draw() {
  const steps = stepsOf(item);
  if (step === null) step = nextStep(item);
  byId("trail").replaceChildren(...steps.filter((one) => valueOf(item, one.name)).map((one) => {
    const button = make("button", { type: "button", textContent: `${one.name.replace(/_/g, " ").replace("leaf2", "second leaf")}: ${labelOf(one)}` });
    button.addEventListener("click", () => { step = one; draw(); });
    return make("li", {}, button);
  }));
  byId("codes").replaceChildren(...(step ? [drawStep(step, item, choose)] : [doneBox()]));
  drawMore();
  drawAnswer();
  const first = byId("codes").querySelector("input:checked, input, select, button");
  if (first) first.focus({ preventScroll: true });
}

function labelOf(one) {
  if (one.kind === "member") return String(item.members.findIndex((member) => member.id === valueOf(item, one.name)) + 1);
  return valueOf(item, one.name);
}

function doneBox() {
  const button = make("button", { type: "button", id: "go-on", textContent: "Next document ↵" });
  button.addEventListener("click", goOn);
  const box = make("fieldset", { id: "field-done" }, make("legend", { textContent: "Decided. Click a decision above to change it." }), button);
  if (session.task === "clusters") box.append(make("p", { id: "certified", role: "status", textContent: item.certified || "" }));
  return box;
}

function drawMore() {
  const fields = [];
  if (session.steps.some((one) => one.name === "leaf")) {
    fields.push(make("label", {}, "Second leaf ", make("kbd", { textContent: "s" }), leafMenu(item, "leaf2", (code) => save({ leaf2: code }))));
    const unsure = make("input", { type: "checkbox", id: "unsure", checked: item.row.unsure === "yes" });
    unsure.addEventListener("change", () => save({ unsure: unsure.checked ? "yes" : "" }));
    fields.push(make("label", {}, unsure, " Come back to this one ", make("kbd", { textContent: "u" })));
  }
  const note = make("textarea", { id: "note", rows: 3, maxLength: 2000, value: item.row.note || "" });
  note.addEventListener("change", () => save({ note: note.value }));
  fields.push(make("label", {}, "Why? Quote the words that decide ", make("kbd", { textContent: "/" }), note));
  for (const axis of session.folded) fields.push(drawChoice(axis, item, (asked, code) => save({ [asked.name]: code })));
  if (item.url) {
    const link = make("a", { href: item.url, target: "_blank", rel: "noreferrer noopener", id: "open-link", textContent: "Open the document" });
    link.addEventListener("click", () => save({ opened_link: "yes" }));
    fields.push(make("p", {}, link, " (may show who wrote it and when; that you opened it is noted)"));
  }
  byId("more-fields").replaceChildren(...fields);
}

function drawAnswer() {
  const box = byId("answer"), answer = item.answer;
  box.replaceChildren();
  if (!answer || item.row.state !== "done") return;
  const also = answer.also.length ? ` (${answer.also.join(" or ")} can be argued)` : "";
  const codes = Object.entries(answer.codes).map(([axis, code]) => `${axis} ${code}`).join(", ");
  box.append(make("p", { className: answer.is_right ? "right" : "wrong",
    textContent: answer.is_right ? `Right: ${answer.leaf}${also}.` : `The codebook says ${answer.leaf}${also}.` }),
    make("p", { textContent: answer.why }), ...(codes ? [make("p", { textContent: `Also: ${codes}.` })] : []));
}

async function show(number) {
  flushNote();
  await queue;
  try {
    item = await source.item(number);
  } catch (error) {
    return say(error.message, true);
  }
  step = null;
  byId("others").replaceChildren();
  byId("note-above").hidden = true;
  byId("more").open = false;
  byId("title").textContent = item.title || (session.task === "intrusion" ? "Four are of one group, one is not" : `One group, ${item.members.length} of its documents`);
  if (item.members.length) drawMembers();
  else drawBody();
  if (item.has_others) drawOthers();
  draw();
  showProgress();
  say(item.row.state === "done" ? "done before; changes are saved" : "");
  scrollTo(0, 0);
  return undefined;
}

function drawBody() {
  byId("text").textContent = item.text;
  if (item.text) return;
  const words = make("p", { textContent: `The text is not ${session.is_pack ? "in this file" : "on this machine"}. ` });
  if (session.can_fetch) {
    const button = make("button", { type: "button", id: "fetch" }, "Fetch it from its source now ", make("kbd", { textContent: "f" }));
    button.addEventListener("click", fetchText);
    words.append(button);
  }
  const others = session.is_pack ? "" : " make hydrate brings all texts at once, politely, over some hours.";
  words.append(make("span", { textContent: `${others} The title alone may be enough.` }));
  byId("text").append(words);
}

async function fetchText() {
  const here = item;
  say("asking the source …");
  try {
    const found = await source.fetchText(here.number);
    if (here !== item) return;
    Object.assign(item, { text: found.text });
    drawBody();
    say("fetched");
  } catch (error) {
    say(error.message, true);
  }
}

function drawMembers() {
  const off = new Set((item.row.off_ids || "").split(" ").filter(Boolean));
  const isTicked = session.task === "clusters";
  byId("text").replaceChildren(...(session.task === "intrusion" ? [] : item.members.map((member) => {
    const line = make("div", { className: "member" }), title = make("b", { textContent: member.title });
    if (isTicked) {
      const box = make("input", { type: "checkbox", checked: off.has(member.id) });
      box.addEventListener("change", () => {
        off[box.checked ? "add" : "delete"](member.id);
        save({ off_ids: [...off].join(" ") });
      });
      line.append(make("label", {}, box, " ", title));
    } else line.append(title);
    if (member.text) line.append(make("p", { textContent: member.text }));
    return line;
  })));
  byId("note-above").hidden = !isTicked;
  byId("note-above").textContent = "Tick the documents that do not belong with the rest.";
}

function drawOthers() {
  const box = make("details", { id: "readers" }, make("summary", {}, "What the readers said ", make("kbd", { textContent: "r" }),
    make("small", { textContent: " (decide first: opening it is noted)" })));
  box.addEventListener("toggle", async () => {
    if (!box.open || box.dataset.isTold) return;
    box.dataset.isTold = "yes";
    await queue;
    const told = await source.others(item.number);
    Object.assign(item.row, told.row);
    box.append(...told.others.map((other) => make("p", { className: "other", textContent: `A reader coded ${other.codes}. ${other.note}` })));
  });
  byId("others").append(box);
}

function place() {
  return numbers.indexOf(item.number);
}

function forward() {
  const later = numbers[place() + 1];
  if (later !== undefined) return show(later);
  step = null;
  draw();
  const left = session.count - session.done;
  say(left ? `This is the last one; ${left} before it are open.` : "All done. Thank you: you may close this page.");
  if (!left) toggle("list", true);
  return undefined;
}

async function goOn() {
  flushNote();
  await queue;
  if (failed) return say(`${byId("saved").textContent}`, true);
  if (!isComplete(item)) {
    const open = nextStep(item);
    step = open;
    draw();
    return say(`still open: ${open ? open.name : session.required.find((name) => !item.row[name])}`, true);
  }
  if (item.row.state !== "done" && !(await save({ state: "done" }))) return undefined;
  if (item.answer && !byId("answer").hasChildNodes()) return drawAnswer();
  return forward();
}

function back() {
  return place() > 0 ? show(numbers[place() - 1]) : undefined;
}

async function undo() {
  await queue;
  try {
    const taken = await source.undo();
    showProgress(await source.numbers(stratum));
    await show(taken.number);
    say("undone");
  } catch (error) {
    say(error.message, true);
  }
}

function flushNote() {
  const note = byId("note");
  if (item && note && note.value !== (item.row.note || "")) save({ note: note.value });
}

function toggle(name, isWanted = byId(name).hidden) {
  const panels = { codebook: "book", list: "goto" };
  for (const [panel, button] of Object.entries(panels)) {
    byId(panel).hidden = panel === name ? !isWanted : true;
    byId(button).setAttribute("aria-expanded", String(!byId(panel).hidden));
  }
  document.body.classList.toggle("beside", isWanted);
  if (name === "list" && isWanted) drawList();
  if (isWanted) byId(name).focus();
  else byId("title").focus();
}

async function drawList() {
  const box = byId("list-body"), parts = [];
  const go = make("input", { type: "number", id: "go-number", min: 1, max: numbers.length, value: place() + 1 });
  go.addEventListener("change", () => { const wanted = numbers[go.value - 1]; if (wanted !== undefined) { toggle("list", false); show(wanted); } });
  parts.push(make("label", {}, `Go to number (1 to ${numbers.length}) `, go));
  if ((session.filters || []).length) {
    const menu = make("select", { id: "filter" }, make("option", { value: "", textContent: "everything, in one random order" }));
    for (const [name, count] of session.filters) menu.append(make("option", { value: name, textContent: `${name} (${count})`, selected: name === stratum }));
    menu.addEventListener("change", () => filter(menu.value));
    parts.push(make("label", {}, "Read only ", menu), make("p", { textContent: "What you read of a part from its beginning is a random sample of that part." }));
  }
  const history = await source.history();
  parts.push(make("h2", { textContent: `Read so far (${history.length})` }), make("ol", { className: "history" }, ...history.map((row) => {
    const button = make("button", { type: "button" }, make("b", { textContent: row.codes || "open" }), ` ${row.title}`,
      row.is_done ? "" : " · not complete", row.is_unsure ? " · doubtful" : "");
    button.addEventListener("click", () => { toggle("list", false); show(row.number); });
    return make("li", {}, button);
  })), ...(await agreementTable()));
  box.replaceChildren(...parts);
}

async function agreementTable() {
  const rows = await source.agreement();
  if (!rows.length) return [make("p", { textContent: "How far you agree with others is told once ten documents are shared." })];
  const percent = (share) => `${Math.round(100 * share)}%`;
  const table = make("table", { id: "agreement" }, make("caption", { textContent: "You and the other readers" }),
    make("tr", {}, ...["reader", "who", "shared", "same leaf", "same group", "kappa"].map((name) => make("th", { textContent: name, scope: "col" }))));
  for (const row of rows) table.append(make("tr", {}, ...[row.reader, row.kind, row.n_both, percent(row.leaf_share), percent(row.group_share),
    row.leaf_kappa === null ? "–" : row.leaf_kappa.toFixed(2)].map((cell) => make("td", { textContent: String(cell) }))));
  return [make("h2", { textContent: "Agreement" }), table];
}

async function filter(name) {
  stratum = name;
  const found = await source.numbers(name);
  numbers = found.numbers;
  Object.assign(session, { count: found.count, done: found.done, minutes_left: found.minutes_left });
  toggle("list", false);
  await show(found.next);
}

// Keys are taken one after another: a fast reader's next key waits until the last one is on disk, and is dropped if it is not.
function onKey(event) {
  const isTyping = event.target.matches("textarea, input[type=text], input[type=number]");
  if (event.ctrlKey || event.altKey || event.metaKey || !item) return;
  if (event.key === "Escape") { closeAll(); return; }
  if (event.target.matches("#codes input[type=radio]") && event.key.startsWith("Arrow")) { moveFocus(event); return; }
  if (isTyping || event.key === " " || (event.target.matches("select") && event.key.length === 1)) return;
  if (event.target.matches("button, a, summary") && event.key === "Enter" && event.target.id !== "go-on") return;
  if (event.key.length > 1 && !["Enter", "Backspace"].includes(event.key)) return;
  event.preventDefault();
  const key = event.key, pressed = failures;
  keys = keys.then(() => (pressed === failures ? act(key) : undefined));
}

function act(key) {
  const wanted = step && [...byId("codes").querySelectorAll("input[type=radio]")].find((input) => input.dataset.key === key.toLowerCase());
  if (wanted) return choose(step, wanted.value);
  const actions = { Enter: enter, Backspace: back, z: undo, g: () => toggle("list"), "?": () => toggle("codebook"), "/": focusNote,
    ".": openMore, s: () => focusMore("leaf2"), u: () => focusMore("unsure", true), o: () => focusMore("open-link", true),
    f: () => byId("fetch") && byId("fetch").click(), r: () => byId("readers") && byId("readers").firstChild.click() };
  return actions[key] && actions[key]();
}

// Arrows look at the answers; only a key, a click or the space bar gives one.
function moveFocus(event) {
  event.preventDefault();
  const inputs = [...byId("codes").querySelectorAll("input[type=radio]")];
  const way = event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1;
  inputs[(inputs.indexOf(event.target) + way + inputs.length) % inputs.length].focus();
}

function enter() {
  if (step && step.isOptional) return save({ state: "done" }).then((isSaved) => isSaved && forward());
  return goOn();
}

function closeAll() {
  if (!byId("codebook").hidden || !byId("list").hidden) return toggle("list", false);
  flushNote();
  return byId("title").focus();
}

function openMore() {
  byId("more").open = !byId("more").open;
}

function focusMore(id, isClicked = false) {
  byId("more").open = true;
  if (!byId(id)) return;
  byId(id).focus();
  if (isClicked) byId(id).click();
}

function focusNote() {
  focusMore("note");
}

// Who reads is asked once for each name, and never assumed.
function askKind() {
  const answers = [["person", "A person", "1"], ["language model", "A language model", "2"]];
  if (session.can_try) answers.push(["trial", "Nobody: I only try it out (nothing will count)", "3"]);
  const box = make("fieldset", { id: "field-kind" }, make("legend", { textContent: `Who reads under the name ${session.coder}?` }));
  return new Promise((resolve) => {
    const answer = async (kind) => {
      document.removeEventListener("keydown", press);
      try { await source.kind(kind); } catch (error) { say(error.message, true); }
      resolve();
    };
    const press = (event) => { const found = answers.find(([, , key]) => key === event.key); if (found) answer(found[0]); };
    for (const [kind, words, key] of answers) {
      const button = make("button", { type: "button" }, make("kbd", { textContent: key }), ` ${words}`);
      button.addEventListener("click", () => answer(kind));
      box.append(make("p", {}, button));
    }
    byId("title").textContent = "One question before you begin";
    byId("text").textContent = "It is asked once for each name and stands beside every code, so that nobody takes a machine's reading for a person's.";
    byId("codes").replaceChildren(box);
    byId("more").hidden = true;
    document.addEventListener("keydown", press);
    box.querySelector("button").focus();
  });
}

async function begin() {
  session = await source.describe();
  if (!session.kind) {
    await askKind();
    session = await source.describe();
    byId("more").hidden = false;
  }
  numbers = (await source.numbers("")).numbers;
  byId("codebook-text").innerHTML = session.codebook; // rendered by the program with HTML switched off
  if ((session.notices || []).length) say(session.notices.join(". "));
  if (!session.count) return say("There is nothing to read in this task.");
  const told = byId("saved").textContent;
  await show(session.next);
  if (told) say(told);
  return undefined;
}

const tabs = !source.isOffline && "BroadcastChannel" in window ? new BroadcastChannel("reading-room") : null;

async function start() {
  const clicks = { back, next: goOn, undo, goto: () => toggle("list"), book: () => toggle("codebook"),
    close: () => toggle("codebook", false), "close-list": () => toggle("list", false) };
  for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
  byId("codes").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", onKey);
  addEventListener("pagehide", flushNote);
  if (tabs) tabs.addEventListener("message", async (message) => { // the other tab of this reader saved something
    if (item && message.data.number === item.number && !waiting) await show(item.number);
    else if (item) showProgress(await source.numbers(stratum));
  });
  try {
    await begin();
  } catch (error) {
    say(error.message, true);
  }
}

start();
