// The hand-check page. Every change of a cell is sent at once, one after another; the server answers with the saved row.
"use strict";

const token = new URLSearchParams(location.search).get("token") || "";
const task = document.body.dataset.task;
const byId = (id) => document.getElementById(id);
const AXES = ["target", "mechanism", "scaling", "evidence", "confidence"];
const LEAF_KEYS = "1234567890qw"; // the tenth leaf of a group is on 0, then q and w
let session, item, queue = Promise.resolve(), waiting = 0;

async function call(path, body) {
  const options = { headers: { "X-Census-Token": token } };
  if (body) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error || answer.statusText);
  return content;
}

function save(cells) {
  const here = item;
  Object.assign(here.row, cells);
  say("saving …");
  waiting += 1;
  queue = queue.then(async () => {
    try {
      const answer = await call(`/api/item/${here.number}`, cells);
      session.done = answer.done;
      here.row.state = answer.row.state;
      waiting -= 1;
      if (!waiting) say(answer.row.state === "done" ? "saved, done" : "saved, not yet complete");
      showProgress();
      if (answer.certified && here === item) byId("certified").textContent = answer.certified;
    } catch (error) {
      say(`NOT SAVED: ${error.message}. Start the page again.`, true);
    }
  });
  return queue;
}

function say(message, isError = false) {
  byId("saved").textContent = message;
  byId("saved").classList.toggle("error", isError);
}

function showProgress() {
  byId("progress").textContent = `${session.coder}, ${task}: ${session.done} of ${session.count} done`;
}

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// One fieldset of radio buttons; `keys` are the keys that choose its codes.
function radios(name, legend, codes, keys, chosen, onChange) {
  const box = make("fieldset", { id: `field-${name}` }, make("legend", { textContent: legend }));
  box.dataset.field = name;
  codes.forEach(([code, meaning], position) => {
    const input = make("input", { type: "radio", name, value: code, checked: code === chosen });
    input.dataset.key = keys[position];
    input.addEventListener("change", () => onChange(code));
    const key = make("kbd", { textContent: keys[position] });
    box.append(make("label", {}, input, " ", key, ` ${code}: ${meaning}`));
  });
  return box;
}

function leavesOf(group) {
  return Object.entries(session.leaves).filter(([code]) => code[0] === group);
}

function drawCodes() {
  const form = byId("codes"), row = item.row;
  const group = row.leaf ? row.leaf[0] : item.group || "";
  const groups = Object.entries(session.groups);
  form.replaceChildren(
    radios("group", "Group", groups, groups.map(([code]) => code.toLowerCase()), group, chooseGroup));
  if (group) form.append(radios("leaf", "Leaf", leavesOf(group), LEAF_KEYS, row.leaf, chooseLeaf));
  for (const axis of AXES) {
    const codes = Object.entries(session.axes[axis]).sort(([a], [b]) => (a < b ? 1 : -1));
    const keys = codes.map(([code]) => (axis === "evidence" ? code.toLowerCase() : code.slice(-1)));
    const legend = axis[0].toUpperCase() + axis.slice(1);
    form.append(radios(axis, legend, codes, keys, row[axis], (code) => { save({ [axis]: code }); focusAfter(axis); }));
  }
  form.append(secondLeaf(row), unsureBox(row), noteBox(row));
  byId("others").replaceChildren(...item.others.map((other) =>
    make("p", { className: "other", textContent: `A reader coded ${other.codes}. ${other.note}` })));
}

function chooseGroup(code) {
  item.group = code;
  const leaves = leavesOf(code);
  if (leaves.length === 1) return chooseLeaf(leaves[0][0]);
  if (item.row.leaf && item.row.leaf[0] !== code) save({ leaf: "" });
  drawCodes();
  focusField("leaf");
}

function chooseLeaf(code) {
  const cells = { leaf: code };
  // Groups M and N take M0, T0, S0 (codebook, tie-break 10); any of them can still be changed.
  if ("MN".includes(code[0])) Object.assign(cells, { target: "T0", mechanism: "M0", scaling: "S0" });
  save(cells);
  drawCodes();
  focusField(cells.target ? "evidence" : "target");
}

function secondLeaf(row) {
  const select = make("select", { id: "leaf2" }, make("option", { value: "", textContent: "none" }));
  for (const [code, meaning] of Object.entries(session.leaves))
    select.append(make("option", { value: code, textContent: `${code}: ${meaning}`, selected: code === row.leaf2 }));
  select.addEventListener("change", () => save({ leaf2: select.value }));
  return make("label", {}, "Second leaf ", make("kbd", { textContent: "s" }), select);
}

function unsureBox(row) {
  const box = make("input", { type: "checkbox", id: "unsure", checked: row.unsure === "yes" });
  box.addEventListener("change", () => save({ unsure: box.checked ? "yes" : "" }));
  return make("label", {}, box, " Unsure ", make("kbd", { textContent: "u" }));
}

function noteBox(row) {
  const note = make("textarea", { id: "note", rows: 2, maxLength: 2000, value: row.note || "" });
  note.addEventListener("input", () => save({ note: note.value }));
  return make("label", {}, "Note ", make("kbd", { textContent: "/" }), note);
}

function drawCluster() {
  const form = byId("codes"), row = item.row, off = new Set((row.off_ids || "").split(" ").filter(Boolean));
  byId("title").textContent = `One group, ${item.members.length} of its documents`;
  byId("text").replaceChildren(make("p", { textContent: "Tick the documents that do not belong with the rest." }));
  for (const member of item.members) {
    const box = make("input", { type: "checkbox", checked: off.has(member.id) });
    box.addEventListener("change", () => {
      off[box.checked ? "add" : "delete"](member.id);
      save({ off_ids: [...off].join(" ") });
    });
    const line = make("div", { className: "member" }, make("label", {}, box, ` ${member.title}`));
    if (member.text) line.append(make("p", { textContent: member.text }));
    byId("text").append(line);
  }
  const name = make("input", { type: "text", id: "name", maxLength: 120, value: row.name || "" });
  name.addEventListener("input", () => save({ name: name.value }));
  const answers = [["yes", "one agenda"], ["no", "not one agenda"], ["unsure", "cannot tell"]];
  form.replaceChildren(
    make("label", {}, "What would you call it? ", make("kbd", { textContent: "/" }), name),
    radios("is_one_agenda", "Is it one agenda?", answers, "ynu", row.is_one_agenda, (code) => {
      save({ is_one_agenda: code, off_ids: [...off].join(" ") });
      focusAfter("is_one_agenda");
    }),
    make("p", { id: "certified", role: "status", textContent: item.certified || "" }), noteBox(row));
  byId("note").previousSibling.remove(); // its key names the group here
}

function drawIntrusion() {
  byId("title").textContent = "Which one does not belong?";
  byId("text").replaceChildren();
  const choices = item.members.map((member) => [member.id, member.title]);
  const box = radios("choice", "Four are of one group, one is not", choices, "12345", item.row.choice, (code) => {
    save({ choice: code });
    focusAfter("choice");
  });
  box.querySelectorAll("label").forEach((label, position) => {
    label.lastChild.textContent = ` ${item.members[position].title}`;
    if (item.members[position].text) label.append(make("p", { textContent: item.members[position].text }));
  });
  byId("codes").replaceChildren(box, noteBox(item.row));
}

function fields() {
  return [...byId("codes").querySelectorAll("fieldset")];
}

function focusField(name) {
  const box = byId(`field-${name}`);
  if (box) (box.querySelector("input:checked") || box.querySelector("input")).focus();
}

function focusAfter(name) {
  const boxes = fields(), position = boxes.findIndex((box) => box.dataset.field === name);
  const open = boxes.slice(position + 1).find((box) => !box.querySelector("input:checked"));
  if (open) focusField(open.dataset.field);
  else byId("next").focus();
}

async function show(number) {
  await queue;
  item = await call(`/api/item/${Math.max(0, Math.min(number, session.count - 1))}`);
  if (item.members.length) {
    byId("link").replaceChildren();
  } else {
    byId("title").textContent = item.title;
    byId("text").textContent = item.text || "No text at hand: open the link to read.";
    const link = make("a", { href: item.url, target: "_blank", rel: "noreferrer noopener", textContent: "Open it" });
    link.addEventListener("click", () => save({ opened_link: "yes" }));
    byId("link").replaceChildren(...(item.url ? [link, " (may show who wrote it and when; that you opened it is noted)"] : []));
  }
  if (task === "clusters") drawCluster();
  else if (task === "intrusion") drawIntrusion();
  else drawCodes();
  showProgress();
  say(item.row.state === "done" ? "done before; changes are saved" : "");
  scrollTo(0, 0);
  byId("title").focus();
}

function goOn() {
  const open = fields().find((box) => !box.querySelector("input:checked"));
  fields().forEach((box) => box.classList.toggle("missing", box === open));
  if (open || (task === "clusters" && !byId("name").value.trim())) {
    if (open) focusField(open.dataset.field);
    else byId("name").focus();
    return say(`still open: ${open ? open.dataset.field : "the name"}`, true);
  }
  const here = item.number;
  save({ state: "done" }).then(() => {
    if (here + 1 < session.count) show(here + 1);
    else say(session.done === session.count ? "All done. Thank you: you may close this page." : "This is the last one; some before it are open.");
  });
}

function toggleBook() {
  const book = byId("codebook");
  book.hidden = !book.hidden;
  byId("book").setAttribute("aria-expanded", String(!book.hidden));
  if (!book.hidden) book.focus();
  else byId("title").focus();
}

function onKey(event) {
  const isTyping = event.target.matches("textarea, input[type=text], select");
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") return byId("codebook").hidden ? byId("title").focus() : toggleBook();
  if (isTyping || !byId("keys").checked) return;
  if (event.target.matches("button, a") && (event.key === "Enter" || event.key === " ")) return;
  const actions = { Enter: goOn, Backspace: () => show(item.number - 1), "?": toggleBook, "/": focusNote };
  if (task === "documents" || task === "adjudication")
    Object.assign(actions, { s: () => byId("leaf2").focus(), u: () => byId("unsure").click(), o: openLink });
  const box = document.activeElement.closest("fieldset");
  const wanted = pick(box, event.key) || (!box && pick(fields()[0], event.key));
  const action = wanted ? () => wanted.click() : actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function pick(box, key) {
  return box && [...box.querySelectorAll("input")].find((input) => input.dataset.key === key.toLowerCase());
}

function focusNote() {
  byId(task === "clusters" ? "name" : "note").focus();
}

function openLink() {
  const link = byId("link").querySelector("a");
  if (link) link.click();
}

async function start() {
  byId("back").addEventListener("click", () => show(item.number - 1));
  byId("next").addEventListener("click", goOn);
  byId("book").addEventListener("click", toggleBook);
  byId("close").addEventListener("click", toggleBook); // a phone has no Escape key
  byId("codes").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", onKey);
  try {
    session = await call("/api/session");
    byId("codebook-text").innerHTML = session.codebook; // rendered by the server with HTML switched off
    if (session.count) await show(session.next);
    else say("There is nothing to read in this task.");
  } catch (error) {
    say(error.message, true);
  }
}

start();
