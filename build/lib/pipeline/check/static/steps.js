// The decisions of an item, one at a time: what is asked next, and how one question is drawn.
"use strict";

const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// The group is no cell: it is what the leaf belongs to, or what was pressed before a leaf is chosen.
function valueOf(item, name) {
  if (name !== "group") return item.row[name] || "";
  return item.row.leaf ? session.group_of[item.row.leaf] : item.group || "";
}

function codesOf(step, item) {
  if (step.kind === "leaf") {
    const inside = session.leaves.filter(([code]) => session.group_of[code] === valueOf(item, "group"));
    return inside.map(([code, meaning, hint], place) => [code, meaning, step.keys[place] || "", hint]);
  }
  if (step.kind === "member") return item.members.map((member, place) => [member.id, member.title, String(place + 1), member.text]);
  return step.codes;
}

// The steps that this item has now: the second leaf joins where the codebook asks for it.
function stepsOf(item) {
  const steps = [...session.steps];
  const isDoubtful = Object.entries(session.second_leaf_after || {}).some(
    ([axis, codes]) => codes.includes(item.row[axis]));
  if (isDoubtful && steps.some((step) => step.name === "leaf"))
    steps.push({ name: "leaf2", title: "Which leaf could as well have been first?", kind: "second", isOptional: true });
  return steps;
}

function nextStep(item) {
  return stepsOf(item).find((step) => !valueOf(item, step.name) && !step.isOptional) || null;
}

function isComplete(item) {
  return session.required.every((name) => item.row[name]);
}

// One question as a fieldset of radio buttons; a key or a click answers it.
function drawChoice(step, item, onChoose) {
  const box = make("fieldset", { id: `field-${step.name}` }, make("legend", { textContent: step.title }));
  box.dataset.field = step.name;
  for (const [code, meaning, key, hint] of codesOf(step, item)) {
    const input = make("input", { type: "radio", name: step.name, value: code, checked: code === valueOf(item, step.name) });
    input.dataset.key = key;
    input.addEventListener("click", () => onChoose(step, code));
    const label = make("label", {}, input, make("kbd", { textContent: key }), " ");
    const words = make("span", {}, make("b", { textContent: step.kind === "member" ? meaning : code }));
    if (step.kind !== "member") words.append(` ${meaning}`);
    if (hint) words.append(make("small", { textContent: hint }));
    label.append(words);
    box.append(label);
  }
  return box;
}

function drawText(step, item, onChoose) {
  const value = item.row[step.name] || item.proposed || "";
  const input = make("input", { type: "text", id: step.name, maxLength: 120, value });
  const button = make("button", { type: "button", textContent: "Keep ↵" });
  const choose = () => input.value.trim() && onChoose(step, input.value.trim());
  button.addEventListener("click", choose);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    choose();
  });
  const box = make("fieldset", { id: `field-${step.name}` }, make("legend", { textContent: step.title }),
    make("label", {}, "In a few words ", input), button);
  box.dataset.field = step.name;
  return box;
}

function drawSecond(step, item, onChoose) {
  const box = make("fieldset", { id: "field-leaf2" }, make("legend", { textContent: step.title }),
    make("label", {}, "Second leaf ", leafMenu(item, "leaf2-step", (code) => onChoose(step, code))),
    make("p", { textContent: "Enter goes on without one." }));
  box.dataset.field = "leaf2";
  return box;
}

function leafMenu(item, id, onChange) {
  const select = make("select", { id }, make("option", { value: "", textContent: "none" }));
  for (const [code, meaning] of session.leaves)
    select.append(make("option", { value: code, textContent: `${code} ${meaning}`, selected: code === item.row.leaf2 }));
  select.addEventListener("change", () => onChange(select.value));
  return select;
}

function drawStep(step, item, onChoose) {
  if (step.kind === "text") return drawText(step, item, onChoose);
  if (step.kind === "second") return drawSecond(step, item, onChoose);
  return drawChoice(step, item, onChoose);
}
