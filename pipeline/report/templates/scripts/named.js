// The named agendas: how large each is in the chosen frame and window, and those that a search finds.
const agendaParts = [...document.querySelectorAll("details.agenda")];
const wordsIn = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
const agendaTexts = agendaParts.map((part) => wordsIn(`${part.querySelector("h3").textContent} ${part.querySelector("p").textContent} ${part.dataset.members.split(",").map(sayLeaf).join(" ")}`).join(" "));

function startAgendas() {
  if (!agendaParts.length) return;
  byId("a-search").addEventListener("input", debounce(() => go({ agenda: words(byId("a-search").value), show: state.show }, true), 120));
}

function renderAgendas() {
  if (!agendaParts.length) return;
  const sought = wordsIn(state.agenda);
  if (byId("a-search") !== document.activeElement) byId("a-search").value = state.agenda;
  const year = design.agenda_sizes[`${state.frame}|${state.year}`] ? state.year : "";
  const sizes = design.agenda_sizes[`${state.frame}|${year}`];
  sortAgendas(sizes);
  let found = 0;
  agendaParts.forEach((part, number) => {
    part.hidden = !sought.every((word) => agendaTexts[number].includes(word));
    found += part.hidden ? 0 : 1;
    const size = sizes && sizes[part.dataset.agenda];
    part.querySelector(".agenda-size").replaceChildren(...saySize(size, `${state.frame}|${year}|${part.dataset.agenda}`));
  });
  byId("a-count").textContent = `${sought.length ? `${found} found. ` : ""}Sizes: ${sizes ? sayDomain({ ...state, year }) : `none for ${frameTitle.get(state.frame)}`}.`;
}

// The largest of the chosen frame and window first; those of which no size is known stay in their order, last.
function sortAgendas(sizes) {
  const sizeOf = (part) => sizes?.[part.dataset.agenda]?.[0] ?? -1;
  const sorted = [...agendaParts].sort((one, other) => sizeOf(other) - sizeOf(one));
  const list = byId("a-list");
  if (sorted.some((part, place) => part !== list.children[place])) list.append(...sorted);
}

function saySize(size, key) {
  if (!size) return [];
  const [count, low, high] = size.map((end) => (end === null ? null : formatCount(Math.round(end))));
  if (low === null) return [make("span", { class: "share", data: { table: "agenda_sizes", key } }, make("b", {}, count)), " by chances alone"];
  return [make("span", { class: "share", data: { table: "agenda_sizes", key, columns: "document_count low high" } }, make("b", {}, count), " ", make("span", {}, `${low}–${high}`))];
}
